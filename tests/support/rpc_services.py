"""Services that answer a worker's requests on a real bus, with what a test wants them to say."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from json import loads
from typing import Any

from contracts import subjects
from contracts.base import Model
from contracts.learnings import LearningsFound
from contracts.questions import QuestionView
from contracts.rpc import RPCS, NextTask, TaskBrief, WorkersFound
from servicekit.bus.rpc import serve
from tests.support.buskit import a_bus
from tests.support.stack import TestNats

WHEN = "2026-01-02T03:04:05Z"
QUESTION = {
    "question_id": "q-1",
    "kind": "question",
    "state": "open",
    "worker_id": "worker-t",
    "question": "Which?",
    "question_type": "technical",
    "asked_at": WHEN,
}
LEARNING = {"learning_id": "learning-1", "title": "t", "content": "c", "worker_id": "worker-2", "shared_at": WHEN}
ANSWERS: dict[str, Model] = {
    "get_task": TaskBrief.model_validate(
        {
            "task_id": "task-123",
            "description": "do it",
            "status": "running",
            "priority": "high",
            "requirements": {"agent": "command", "note": "free"},
            "attempt": 2,
            "max_attempts": 3,
            "attempts": [{"attempt": 1, "worker_id": "worker-2", "state": "lost", "assigned_at": WHEN}],
            "created_at": WHEN,
        }
    ),
    "list_workers": WorkersFound.model_validate({"workers": [{"worker_id": "worker-2", "status": "online"}]}),
    "get_answer": QuestionView.model_validate(QUESTION),
    "search_learnings": LearningsFound.model_validate({"learnings": [LEARNING], "total": 1}),
}
NEXT = NextTask.model_validate({"task_id": "task-9", "description": "next", "queued": 3, "slots_free": 1})

Answer = Callable[[dict[str, Any]], Awaitable[bytes]]


class Refusal(Exception):
    """A service says no."""

    code, category = "question_not_found", "not_found"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass
class RpcServices:
    """What was asked, by verb; `instead` answers a verb in another way than `ANSWERS`."""

    asked: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    instead: dict[str, Answer] = field(default_factory=dict[str, Answer])

    async def answer(self, verb: str, payload: bytes) -> bytes:
        """Note a request, and answer it."""
        request = RPCS[verb].request.model_validate_json(payload, extra="forbid").to_dict()
        self.asked.setdefault(verb, []).append(request)
        return await self.instead[verb](request) if verb in self.instead else ANSWERS[verb].to_json()


@asynccontextmanager
async def rpc_services(nats: TestNats) -> AsyncGenerator[RpcServices]:
    """All verbs that tools ask, and the hint on the next task, answered while the block runs."""
    services = RpcServices()

    def handler(verb: str) -> Callable[[str, bytes], Awaitable[bytes]]:
        async def handle(_worker_id: str, payload: bytes) -> bytes:
            return await services.answer(verb, payload)

        return handle

    async def next_task(message: Any) -> None:
        services.asked.setdefault("next_task", []).append(loads(message.data))
        await message.respond(NEXT.to_json())

    async with a_bus(nats) as bus:
        for service in {RPCS[verb].service for verb in ANSWERS}:
            await serve(bus, service, {verb: handler(verb) for verb in ANSWERS if RPCS[verb].service == service})
        await bus.subscribe_core(subjects.NEXT_TASKS, next_task)
        await bus.flush()
        yield services

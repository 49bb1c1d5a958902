"""The real question-broker in the test's own event loop, with what workers and the orchestrator would say to it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from contracts import streams, subjects
from contracts.batches import ANSWER_BATCH, DECIDED_BATCH
from contracts.decided import DecidedEvent, DecidedKind
from contracts.questions import Answer, QuestionView
from contracts.rpc import RPCS
from question_broker import app
from question_broker.settings import Settings
from servicekit.bus import Bus
from servicekit.bus.rpc import call
from servicekit.ids import new_event_id, new_id
from tests.support.buskit import a_bus
from tests.support.examples import NOW
from tests.support.producer import Producer
from tests.support.running import running_service
from tests.support.stack import TestNats
from tests.support.waiting import eventually


class Broker:
    """A running question-broker, and what a test needs beside it."""

    def __init__(self, client: httpx.AsyncClient, bus: Bus) -> None:
        self.client = client
        self.bus = bus
        self.producer = Producer(bus)
        self.answers: list[Answer] = []

    async def ask(self, kind: str, body: dict[str, Any], **envelope: Any) -> str:
        """Ask, and wait until the broker shows it."""
        question_id = new_id("q")
        given = {"question_id": question_id, "occurred_at": datetime.now(UTC)} | envelope  # noqa: TID251
        await self.producer.send(self.producer.make(kind, body, **given))
        await eventually(lambda: self._shows(question_id))
        return question_id

    async def view(self, question_id: str) -> QuestionView:
        """A question as it is now."""
        answer = await self.client.get(f"/v1/questions/{question_id}")
        return QuestionView.model_validate_json(answer.content)

    async def reaches(self, question_id: str, state: str) -> QuestionView:
        """The question, once it is in this state."""

        async def found() -> QuestionView | None:
            view = await self.view(question_id)
            return view if view.state == state else None

        view = await eventually(found)
        assert view is not None
        return view

    async def heard(self, question_id: str) -> Answer:
        """What the worker heard about its question."""
        answer = await eventually(lambda: next((one for one in self.answers if one.question_id == question_id), None))
        assert answer is not None
        return answer

    async def decide(self, question_id: str, **decision: Any) -> httpx.Response:
        """Decide a request."""
        return await self.client.post(f"/v1/questions/{question_id}/decision", json=decision)

    async def rule(self, *, active: bool = False, **given: Any) -> str:
        """Make a rule; an active one is tried on past questions first."""
        made = await self.client.post("/v1/rules", json={"name": "a rule"} | given)
        rule_id = made.json()["rule_id"]
        if active:
            await self.client.post(f"/v1/rules/{rule_id}/dry-run", json={})
            assert (await self.client.post(f"/v1/rules/{rule_id}/activate")).status_code == 200
        return rule_id

    async def news(self, question_id: str) -> list[DecidedEvent]:
        """What everybody was told of a question so far."""
        state = (await self.bus.js.stream_info(streams.EVENTS)).state
        found: list[DecidedEvent] = []
        for number in range(state.first_seq, state.last_seq + 1):
            message = await self.bus.js.get_msg(streams.EVENTS, seq=number)
            found += DECIDED_BATCH.validate_json(message.data or b"").events
        return [event for event in found if event.question_id == question_id]

    async def tell(self, kind: DecidedKind, question_id: str, task_id: str, **more: Any) -> None:
        """Say what the orchestrator says of the task that was made for a request."""
        about = {"event_id": new_event_id(), "occurred_at": NOW, "task_id": task_id, "question_id": question_id}
        await self.producer.tell(DecidedEvent.model_validate(about | {"kind": kind} | more))

    async def respond(self, question_id: str, worker_id: str, task_id: str, attempt: int = 1, **body: Any) -> None:
        """Say what a helper says."""
        envelope = {"worker_id": worker_id, "task_id": task_id, "attempt": attempt}
        given = {"question_id": question_id, "status": "completed", **body}
        await self.producer.send(self.producer.make("collaboration_response", given, **envelope))

    async def rpc(self, verb: str, worker_id: str = "worker-1", **asked: Any) -> Any:
        """Ask as a worker does. Raises RpcError."""
        contract = RPCS[verb]
        request = contract.request.model_validate(asked)
        subject = subjects.rpc(app.SERVICE, verb, worker_id)
        return contract.answer.model_validate_json(await call(self.bus, subject, request.to_json()))

    async def listen(self) -> None:
        """Note what workers hear from now on."""

        async def hear(message: Any) -> None:
            self.answers.extend(ANSWER_BATCH.validate_json(message.data).events)

        await self.bus.subscribe_core("worker.answer.*", hear)

    async def _shows(self, question_id: str) -> bool:
        return (await self.client.get(f"/v1/questions/{question_id}")).status_code == 200


@asynccontextmanager
async def a_broker(env: dict[str, str], nats: TestNats, **more: Any) -> AsyncGenerator[Broker]:
    """Migrate, serve, and wait until ready. `more`: settings."""
    known: dict[str, Any] = {name.lower(): value for name, value in env.items()}
    settings = Settings.model_validate(known | {"expiry_tick_ms": 20} | more)
    async with (
        a_bus(nats) as bus,
        running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client,
    ):
        broker = Broker(client, bus)
        await broker.listen()
        yield broker

"""The services behind the gateway as small real HTTP applications over one world in memory, made from the contracts."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from contracts.base import Model
from contracts.commands import Command, NewCommand
from contracts.problems import MEDIA_TYPE, Problem
from contracts.questions import NewAnswer, QuestionKind, QuestionState, QuestionView, RequestDecision
from contracts.rules import Rule
from contracts.tasks import CancelTask, FailureClass, NewTask, TaskState, TaskView
from contracts.telemetry import TailEntry, TaskFacts
from contracts.workers import FleetView, WorkerView
from tests.support.reporting import Reports, serve_reports
from tests.support.serving import serving_all

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)

Kept = TypeVar("Kept")
Types = Annotated[list[str], Query()]


@dataclass
class World:
    """What the services know, and what they were asked."""

    tasks: dict[str, TaskView] = field(default_factory=dict[str, TaskView])
    workers: dict[str, WorkerView] = field(default_factory=dict[str, WorkerView])
    fleet: FleetView = field(default_factory=lambda: FleetView(kind="none"))
    questions: dict[str, QuestionView] = field(default_factory=dict[str, QuestionView])
    rules: list[Rule] = field(default_factory=list[Rule])
    tails: dict[str, list[TailEntry]] = field(default_factory=dict[str, list[TailEntry]])
    facts: dict[str, TaskFacts] = field(default_factory=dict[str, TaskFacts])
    reports: Reports = field(default_factory=Reports)
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Method and path with query of each request."""
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    tokens: set[str | None] = field(default_factory=set[str | None])
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, a request to cancel waits."""
    live_open: int = 0
    """How many live tails are being followed now."""

    def __post_init__(self) -> None:
        self.may_answer.set()

    def put(self, task: TaskView) -> TaskView:
        """Keep a task in its new state."""
        self.tasks[task.task_id] = task
        return task

    async def stream(self, task_id: str, entry: TailEntry) -> None:
        """Add an entry to a task's tail, for those who follow it too."""
        async with self.changed:
            self.tails.setdefault(task_id, []).append(entry)
            self.changed.notify_all()


@dataclass(frozen=True)
class Addresses:
    """Base addresses of the four services."""

    orchestrator: str
    telemetry: str
    analytics: str
    questions: str

    def env(self) -> dict[str, str]:
        """Where the gateway finds them."""
        return {
            "ORCHESTRATOR_URL": self.orchestrator,
            "TELEMETRY_INGEST_URL": self.telemetry,
            "ANALYTICS_QUERY_URL": self.analytics,
            "QUESTION_BROKER_URL": self.questions,
        }


@asynccontextmanager
async def upstreams(world: World) -> AsyncGenerator[Addresses]:
    """All four services, served."""
    async with serving_all([make(world) for make in (orchestrator, telemetry, analytics, questions)]) as addresses:
        yield Addresses(*addresses)


def orchestrator(world: World) -> FastAPI:
    """Tasks and workers."""
    app = _app(world)
    _serve_tasks(app, world)
    _serve_workers(app, world)
    return app


def _serve_tasks(app: FastAPI, world: World) -> None:
    @app.post("/v1/tasks", status_code=201)
    async def create(task: NewTask) -> Response:
        made = TaskView(
            task_id=f"task-{len(world.tasks) + 1}",
            status=TaskState.queued,
            created_at=NOW,
            reason="waits for a free worker",
            **{name: getattr(task, name) for name in ("description", "priority", "worker_id", "requirements")},
        )
        return _json(world.put(made), 201)

    @app.get("/v1/tasks")
    async def tasks(
        status: Types = [],  # noqa: B006
        worker_id: str | None = None,
        since: datetime | None = None,
        quarantined: bool = False,
        cursor: int = 0,
        limit: int = 50,
    ) -> Response:
        found = [
            task
            for task in reversed(world.tasks.values())
            if (not status or task.status in status)
            and worker_id in {None, task.assigned_worker}
            and (since is None or task.created_at >= since)
            and (not quarantined or task.failure_class is FailureClass.poison)
        ]
        return _page(found, cursor, limit)

    @app.get("/v1/tasks/{task_id}")
    async def task(task_id: str) -> Response:
        return _json(_found(world.tasks, task_id))

    @app.post("/v1/tasks/{task_id}/cancel")
    async def cancel(task_id: str, request: CancelTask) -> Response:
        await world.may_answer.wait()
        task = _found(world.tasks, task_id)
        if task.status is TaskState.completed:
            return _problem(409, "not_cancellable", f"task {task_id} is completed already")
        return _json(world.put(task.model_copy(update={"status": TaskState.cancelled, "reason": request.reason})))

    @app.post("/v1/tasks/{task_id}/retry")
    async def retry(task_id: str) -> Response:
        return _json(world.put(_found(world.tasks, task_id).model_copy(update={"status": TaskState.queued})))


def _serve_workers(app: FastAPI, world: World) -> None:
    @app.get("/v1/fleet")
    async def fleet() -> Response:
        return _json(world.fleet)

    @app.get("/v1/workers")
    async def workers(status: str | None = None, cursor: int = 0, limit: int = 50) -> Response:
        return _page([w for w in world.workers.values() if status in {None, w.status}], cursor, limit)

    @app.get("/v1/workers/{worker_id}")
    async def worker(worker_id: str) -> Response:
        return _json(_found(world.workers, worker_id))

    @app.post("/v1/workers/{worker_id}/commands")
    async def command(worker_id: str, new: NewCommand) -> Response:
        _found(world.workers, worker_id)
        sent = Command(
            command_id="command-1",
            action=new.action,
            worker_id=worker_id,
            reason=new.reason,
            issued_at=NOW,
            issued_by=new.issued_by,
        )
        return _json(sent, 202)


def telemetry(world: World) -> FastAPI:
    """Tails, whole and live."""
    app = _app(world)

    @app.get("/v1/tasks/{task_id}/tail")
    async def tail(task_id: str, last_n: int = 20, types: Types = []) -> Response:  # noqa: B006
        wanted = _wanted(types)
        entries = [e for e in world.tails.get(task_id, []) if not wanted or wanted & {e.kind, e.stream_type}]
        return JSONResponse({"task_id": task_id, "entries": [entry.to_dict() for entry in entries[-last_n:]]})

    @app.get("/v1/tasks/{task_id}/live")
    async def live(task_id: str, last_event_id: Annotated[str, Header()] = "$") -> Response:
        kept = len(world.tails.get(task_id, []))
        seen = kept if last_event_id == "$" else int(last_event_id.split("-")[0])
        return StreamingResponse(_live(world, task_id, seen), media_type="text/event-stream")

    return app


def analytics(world: World) -> FastAPI:
    """Facts and reports."""
    app = _app(world)
    serve_reports(app, world.reports)

    @app.get("/v1/tasks/{task_id}/facts")
    async def facts(task_id: str) -> Response:
        return _json(world.facts.get(task_id, TaskFacts(task_id=task_id)))

    return app


def questions(world: World) -> FastAPI:
    """Questions and their answers."""
    app = _app(world)

    @app.get("/v1/questions")
    async def listed(
        state: str | None = None, task_id: str | None = None, cursor: int = 0, limit: int = 50
    ) -> Response:
        found = [
            question
            for question in world.questions.values()
            if state in {None, question.state} and task_id in {None, question.task_id}
        ]
        return _page(found, cursor, limit)

    @app.get("/v1/questions/{question_id}")
    async def question(question_id: str) -> Response:
        return _json(_found(world.questions, question_id))

    @app.get("/v1/rules")
    async def rules(cursor: int = 0, limit: int = 50) -> Response:
        return _page(world.rules, cursor, limit)

    @app.post("/v1/questions/{question_id}/answer")
    async def answer(question_id: str, new: NewAnswer) -> Response:
        question = _found(world.questions, question_id)
        if question.state is not QuestionState.open:
            return _problem(409, "question_closed", f"question {question_id} is {question.state}")
        closed = question.model_copy(update={**new.model_dump(), "state": QuestionState.answered, "answered_at": NOW})
        world.questions[question_id] = closed
        return _json(closed)

    @app.post("/v1/questions/{question_id}/decision")
    async def decide(question_id: str, decision: RequestDecision) -> Response:
        question = _found(world.questions, question_id)
        if question.kind is not QuestionKind.resource_request:
            return _problem(409, "not_a_request", f"{question_id} is a {question.kind}")
        terms = {"decision": decision, "answer": decision.decision.value, "answered_by": decision.decided_by}
        closed = question.model_copy(update={**terms, "state": QuestionState.answered, "answered_at": NOW})
        world.questions[question_id] = closed
        return _json(closed)

    return app


def _app(world: World) -> FastAPI:
    async def note(request: Request) -> None:
        query = f"?{request.url.query}" if request.url.query else ""
        world.asked.append((request.method, f"{request.url.path}{query}"))
        world.tokens.add(request.headers.get("authorization"))
        if request.method == "POST" and await request.body():
            world.bodies.append(await request.json())

    app = FastAPI(openapi_url=None, dependencies=[Depends(note)])

    @app.exception_handler(HTTPException)
    async def missing(_: Request, error: HTTPException) -> Response:
        return _problem(error.status_code, "not_found", error.detail)

    return app


async def _live(world: World, task_id: str, seen: int) -> AsyncGenerator[str]:
    world.live_open += 1
    try:
        yield ": connected\n\n"
        while True:
            async with world.changed:
                await world.changed.wait_for(lambda known=seen: len(world.tails.get(task_id, [])) > known)
            for entry in world.tails[task_id][seen:]:
                seen += 1
                yield f"id: {seen}-0\ndata: {entry.to_json().decode()}\n\n"
    finally:
        world.live_open -= 1


def _wanted(types: list[str]) -> set[str | None]:
    return {part for given in types for part in given.split(",")}


def _found(kept: dict[str, Kept], key: str) -> Kept:
    if key not in kept:
        raise HTTPException(404, f"no {key}")
    return kept[key]


def _json(model: Model, status: int = 200) -> Response:
    return JSONResponse(model.to_dict(), status)


def _page(items: list[Any], cursor: int, limit: int) -> Response:
    page: dict[str, Any] = {"items": [item.to_dict() for item in items[cursor : cursor + limit]]}
    if cursor + limit < len(items):
        page["next_cursor"] = str(cursor + limit)
    return JSONResponse(page)


def _problem(status: int, code: str, detail: str) -> Response:
    problem = Problem(title=code, status=status, code=code, detail=detail)
    return Response(problem.to_json(), status, media_type=MEDIA_TYPE)

"""SIGTERM under load: whoever is told to stop has lost nothing, and has ended in time; so has a rolling restart of all.

Workers that this test drives keep an account of what the broker has acknowledged to them; at the end it is compared
with what the services have on record.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from nats.errors import TimeoutError as NothingCame

from contracts import streams
from contracts.batches import ANSWER_BATCH, EVENT_BATCH
from contracts.tasks import Assignment
from servicekit.bus import Bus
from servicekit.ids import new_id
from tests.support.buskit import a_bus
from tests.support.fleet import HandWorker
from tests.support.orchestrating import outlast
from tests.support.other_side import other_side
from tests.support.service_processes import ServiceProcess, service_processes
from tests.support.stack import Database, TestNats, TestRedis
from tests.support.waiting import eventually
from tests.support.worker_agent import Bench, worker_bench

GRACE_S = 20.0
"""SHUTDOWN_GRACE_MS is not set here: this is its default."""
WORKER_GRACE_S = 10.0
"""What the bench gives a worker-agent."""
WORKERS, SLOTS = 2, 4
AT_ONCE = 4
STEP = 10
# The workers' heartbeats may be late on a busy machine, which is not what this is about.
PATIENT = {"LEASE_MS": "300000", "OFFLINE_AFTER_MS": "120000"}
"""So many tasks more must have ended before the next service is told to stop, so that each is stopped under load."""
WITHIN_S = 300.0
PAUSE_S = 0.05
OPEN = {"state": "open", "limit": "100"}


@dataclass
class Account:
    """What the fleet was told, and what it was told that others have."""

    created: set[str] = field(default_factory=set[str])
    """Idempotency keys of tasks whose creation was answered."""
    ended: set[str] = field(default_factory=set[str])
    """Tasks whose outcome the broker has."""
    asked: set[str] = field(default_factory=set[str])
    answered: Counter[str] = field(default_factory=Counter[str])
    """How often the answer to a question arrived."""
    refused: list[str] = field(default_factory=list[str])
    """Answers of services that nobody should get, whoever stops."""


class Load:
    """Tasks that are created, worked at and ended all the time, and questions that are asked and answered."""

    def __init__(self, bus: Bus, services: dict[str, ServiceProcess]) -> None:
        self.account = Account()
        self.workers = [HandWorker(bus, f"w{number}", SLOTS) for number in range(WORKERS)]
        self.stopping = asyncio.Event()
        self._bus = bus
        self._services = services
        self._keys = iter(range(1_000_000))
        self._http = httpx.AsyncClient(timeout=30)
        self._creating: list[asyncio.Future[None]] = []
        self._working: list[asyncio.Future[None]] = []

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["Load"]:
        """Load meanwhile."""
        await self._bus.subscribe_core("worker.answer.*", self._hear)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._http.aclose)
            works: list[Awaitable[None]] = [self._manage(), self._watch()]
            for worker in self.workers:
                await worker.start()
                named = await stack.enter_async_context(worker.alive(0.5))
                works += [self._work(worker, named)]
            self._creating = [asyncio.ensure_future(self._create()) for _ in range(AT_ONCE)]
            self._working = [asyncio.ensure_future(work) for work in works]
            try:
                yield self
            finally:
                for task in (*self._creating, *self._working):
                    task.cancel()
                await asyncio.gather(*self._creating, *self._working, return_exceptions=True)

    async def finish(self) -> None:
        """Create nothing more, and return when all that was created has ended, and all that was asked is answered."""
        self.stopping.set()
        await asyncio.wait_for(asyncio.gather(*self._creating), WITHIN_S)
        await asyncio.wait_for(asyncio.gather(*self._working), WITHIN_S)

    async def goes_on(self, many: int) -> None:
        """Return when so many tasks more have ended."""
        goal = len(self.account.ended) + many

        def reached() -> bool:
            for task in (*self._creating, *self._working):
                if task.done():
                    task.result()
            return len(self.account.ended) >= goal

        await eventually(reached, WITHIN_S)

    @property
    def acknowledged(self) -> dict[str, str]:
        """Kinds of all events that the broker has acknowledged, by id."""
        sent = [message for worker in self.workers for message in worker.producer.sent]
        batches = [EVENT_BATCH.validate_json(message.payload) for message in sent]
        return {event.event_id: event.kind for batch in batches for event in batch.events}

    async def _create(self) -> None:
        while not self.stopping.is_set():
            key = f"key-{next(self._keys)}"
            body = {"description": "do it", "idempotency_key": key, "max_attempts": 1}
            await self._insist("POST", "orchestrator", "/v1/tasks", body)
            self.account.created.add(key)
            await eventually(lambda: len(self.account.created) - len(self.account.ended) < 2 * AT_ONCE, WITHIN_S)

    async def _manage(self) -> None:
        """Answer what is asked, until there is nobody left who could ask."""
        while not self.stopping.is_set() or len(self.account.ended) < len(self.account.created):
            open_ones = await self._insist("GET", "question-broker", "/v1/questions", params=OPEN)
            for question in open_ones.json()["items"]:
                path = f"/v1/questions/{question['question_id']}/answer"
                await self._insist("POST", "question-broker", path, {"answer": "yes"})
            await asyncio.sleep(PAUSE_S)

    async def _watch(self) -> None:
        """Look at the fleet through the gateway."""
        while not self.stopping.is_set():
            await self._insist("GET", "mcp-gateway", "/v1/dead-letters")
            await asyncio.sleep(PAUSE_S)

    async def _work(self, worker: HandWorker, named: list[Assignment]) -> None:
        attempts: set[asyncio.Task[None]] = set()
        while not self.stopping.is_set() or attempts or len(self.account.ended) < len(self.account.created):
            with suppress(NothingCame, TimeoutError):
                assignment = await worker.take(within=0.5)
                named.append(assignment)
                attempts.add(asyncio.create_task(self._attempt(worker, assignment, named)))
            for ended in [task for task in attempts if task.done()]:
                attempts.remove(ended)
                ended.result()

    async def _attempt(self, worker: HandWorker, assignment: Assignment, named: list[Assignment]) -> None:
        """Report, ask, wait for the answer, and end."""
        await worker.progress(assignment)
        question_id = new_id("q")
        body = {"question": "may I?", "question_type": "technical"}
        await worker.producer.send(worker.event("question", body, assignment, question_id=question_id))
        self.account.asked.add(question_id)
        await eventually(lambda: question_id in self.account.answered, WITHIN_S)
        await worker.end(assignment)
        self.account.ended.add(assignment.task_id)
        named.remove(assignment)

    async def _hear(self, message: Any) -> None:
        self.account.answered.update(answer.question_id for answer in ANSWER_BATCH.validate_json(message.data).events)

    async def _insist(
        self, method: str, service: str, path: str, json: Any = None, params: dict[str, str] | None = None
    ) -> httpx.Response:
        """Ask until there is an answer that is one, as every client of a restarting service must."""
        while True:
            try:
                url = f"{self._services[service].url}{path}"
                answer = await self._http.request(method, url, json=json, params=params)
                if answer.status_code < 500:
                    assert answer.status_code < 400 or answer.json()["code"] == "question_closed", answer.text
                    return answer
                if answer.status_code != 503:
                    self.account.refused.append(f"{method} {path}: {answer.text}")
            except httpx.TransportError:
                # It is gone, or goes: whether it has done what was asked, nobody knows. Asking again is harmless.
                pass
            await asyncio.sleep(PAUSE_S)


async def rows(database: Database, schema: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database.dsn(schema))
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def until_equal(read: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Wait for services to catch up; what differs in the end is shown by the assertion."""

    async def equal() -> bool:
        return await read() == wanted

    with suppress(AssertionError):
        await eventually(equal, 60)
    assert await read() == wanted


async def check_tasks(database: Database, account: Account) -> None:
    """Each task has run once, and ended once."""
    many = len(account.created)
    assert len(account.ended) == many

    async def tasks() -> dict[str, int]:
        found = await rows(database, "orchestrator", "SELECT status, count(*) FROM tasks GROUP BY status")
        return {row["status"]: row["count"] for row in found}

    async def ends() -> tuple[int, ...]:
        query = "SELECT count(*), count(DISTINCT task_id) FROM decided_events WHERE kind = 'task.completed'"
        return tuple((await rows(database, "telemetry", query))[0])

    await until_equal(tasks, {"completed": many})
    [attempts] = await rows(database, "orchestrator", "SELECT count(*), max(attempt) FROM attempts")
    assert tuple(attempts) == (many, 1), "a task was started twice"
    await until_equal(ends, (many, many))


async def check_events(database: Database, acknowledged: dict[str, str]) -> None:
    """Each event that the broker has acknowledged is in the log once, and in the projections once."""

    async def logged() -> list[str]:
        return sorted(str(row[0]) for row in await rows(database, "telemetry", "SELECT event_id FROM events"))

    async def projected() -> Counter[str]:
        query = "SELECT key, sum(value::int)::int AS many FROM attempts, jsonb_each_text(events) GROUP BY key"
        return Counter({row["key"]: row["many"] for row in await rows(database, "analytics", query)})

    await until_equal(logged, sorted(acknowledged))
    await until_equal(projected, Counter(kind for kind in acknowledged.values() if kind != "registered"))


async def check_questions(database: Database, account: Account) -> None:
    """Each question was answered, and its worker has heard the answer."""
    states = await rows(database, "questions", "SELECT state, count(*) FROM questions GROUP BY state")
    assert [tuple(row) for row in states] == [("answered", len(account.asked))]
    assert set(account.answered) == account.asked


async def check_leftovers(database: Database, bus: Bus) -> None:
    """Nothing was put aside, and nothing waits."""
    for schema in ("orchestrator", "telemetry", "analytics", "questions", "gateway"):
        assert await rows(database, schema, "SELECT reason FROM dead_letter") == []
    waiting = "SELECT subject FROM outbox UNION ALL SELECT subject FROM outbox_sealed"

    async def left() -> list[asyncpg.Record]:
        return [row for schema in ("orchestrator", "questions") for row in await rows(database, schema, waiting)]

    async def undelivered() -> dict[str, int]:
        durables = [(stream.name, durable.name) for stream in streams.STREAMS for durable in stream.durables]
        infos = {name: await bus.js.consumer_info(stream, name) for stream, name in durables}
        counts = {name: (info.num_pending or 0) + (info.num_ack_pending or 0) for name, info in infos.items()}
        return {name: count for name, count in counts.items() if count}

    await until_equal(left, [])
    await until_equal(undelivered, {})


@pytest.mark.timeout(2_400)
async def test_a_rolling_restart_of_all_services_under_load_loses_nothing(
    database: Database, nats_server: TestNats, redis_server: TestRedis
) -> None:
    async with (
        service_processes(database, nats_server, redis_server, **PATIENT) as services,
        a_bus(nats_server) as bus,
        Load(bus, services).running() as load,
    ):
        await load.goes_on(STEP)
        for service in services.values():
            ended = await service.stop()
            assert ended.code == 0, service.log.read_text()[-2_000:]
            assert ended.seconds < GRACE_S, service.spec.name
            await service.start()
            await service.ready()
            await load.goes_on(STEP)
        await load.finish()
        await check_tasks(database, load.account)
        await check_events(database, load.acknowledged)
        await check_questions(database, load.account)
        await check_leftovers(database, bus)
        assert load.account.refused == []


@pytest.fixture(params=["resume", "leave"])
def leaving_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Bench, bool]]:
    with worker_bench(tmp_path, WORKER_STOP=request.param) as bench:
        yield bench, request.param == "leave"


@pytest.mark.timeout(400)
async def test_a_worker_that_is_told_to_stop_ends_in_time_and_its_task_goes_on_here_or_elsewhere(
    leaving_bench: tuple[Bench, bool], tmp_path: Path
) -> None:
    bench, leaves = leaving_bench
    beats = tmp_path / "beats"
    async with other_side(bench.nats) as side:
        command = f"echo begun; while true; do echo x >> {beats}; sleep 0.05; done"
        await side.assign("task-1", agent="command", command=command)
        await side.first("stream", "task-1")
        begun = time.monotonic()
        assert await asyncio.to_thread(bench.worker.terminate) == 0
        assert time.monotonic() - begun < WORKER_GRACE_S
        assert not side.of("outcome", "task-1")
        if leaves:
            # Its tasks move at once, without waiting for their leases, and nobody works on at what others do now.
            [farewell] = await eventually(lambda: side.farewells)
            registered = await side.first("registered")
            assert farewell["incarnation"] == registered.body.incarnation
            written = beats.stat().st_size
            await outlast(0.5)
            assert beats.stat().st_size == written
        else:
            written = beats.stat().st_size
            await eventually(lambda: beats.stat().st_size > written)
            bench.worker.start()
            await bench.worker.ready()
            await side.beat(lambda beat: beat["running"], within=30)
            assert side.farewells == []

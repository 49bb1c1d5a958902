"""A worker with a valid credential floods the bus: what others send does not wait behind it, and nothing is lost."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg

from contracts import subjects
from contracts.batches import Batch
from contracts.events import EventBase
from contracts.questions import QuestionView
from contracts.rpc import GetAnswer
from orchestrator.subscriptions import ASKS_AT_ONCE, BEATS_AT_ONCE
from servicekit.bus import Bus, Outgoing, declare_streams, publish_batches
from servicekit.bus.rpc import MOST_OF_ONE, RpcError, call, serve, typed
from servicekit.ids import new_id
from servicekit.metrics import REGISTRY
from telemetry_ingest import app
from telemetry_ingest.settings import Settings
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.orchestrating import Orchestra, orchestra
from tests.support.producer import Producer
from tests.support.rpc_services import QUESTION
from tests.support.running import running_service
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

FLOOD, FLOODING = 2_500, "w-flood"
BEATS, ASKS = 10 * int(BEATS_AT_ONCE), 3 * int(ASKS_AT_ONCE)
HONEST, EACH = ("w-1", "w-2", "w-3"), 20
CONTENT = "x" * 10_000


def sealed(producer: Producer, worker_id: str, first: int, many: int, content: str) -> list[Outgoing]:
    """Batches of one stream entry each, in order."""
    spool = f"spool-{worker_id}"
    return [
        _message(worker_id, Batch[Any](producer=spool, batch=number, events=[_entry(producer, worker_id, content)]))
        for number in range(first, first + many)
    ]


def _entry(producer: Producer, worker_id: str, content: str) -> EventBase:
    body = {"stream_type": "output", "content": content}
    return producer.make("stream", body, worker_id=worker_id, task_id=f"task-{worker_id}")


def _message(worker_id: str, batch: Batch[Any]) -> Outgoing:
    return Outgoing(f"worker.stream.{worker_id}.task-{worker_id}", batch.message_id, batch.to_json())


async def publish(bus: Bus, messages: Sequence[Outgoing]) -> None:
    assert all(await publish_batches(bus, messages))


async def recorded(database: Database) -> dict[str, tuple[int, float]]:
    """Of each worker: how many events are in the log, and when the last of them was written."""
    connection = await asyncpg.connect(database.dsn("telemetry"))
    try:
        rows = await connection.fetch(
            "SELECT worker_id, count(*) AS many, extract(epoch FROM max(recorded_at))::float8 AS last "
            "FROM events GROUP BY worker_id"
        )
    finally:
        await connection.close()
    return {row["worker_id"]: (row["many"], row["last"]) for row in rows}


async def test_behind_a_flood_others_are_recorded_first_and_all_of_it_is_recorded_once(
    stack_env: StackEnv, nats_server: TestNats, database: Database
) -> None:
    settings = Settings.model_validate({name.lower(): value for name, value in stack_env("telemetry").items()})
    async with a_bus(nats_server) as bus:
        await declare_streams(bus.js)
        producer = Producer(bus)
        for worker in HONEST:
            await publish(bus, sealed(producer, worker, 1, 1, "calm"))
        await publish(bus, sealed(producer, FLOODING, 1, FLOOD, CONTENT))
        for worker in HONEST:
            await publish(bus, sealed(producer, worker, 2, EACH - 1, "calm"))
        deferred = _deferred()
        async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA):
            wanted = dict.fromkeys(HONEST, EACH) | {FLOODING: FLOOD}
            await eventually(lambda: _is_recorded(database, wanted), within=60)
    last = {worker: at for worker, (_, at) in (await recorded(database)).items()}
    assert max(last[worker] for worker in HONEST) < last[FLOODING]
    assert _deferred() > deferred


async def _is_recorded(database: Database, wanted: dict[str, int]) -> bool:
    return {worker: many for worker, (many, _) in (await recorded(database)).items()} == wanted


def _deferred() -> float:
    return REGISTRY.get_sample_value("mews_bus_deferred_total", {"durable": "telemetry-ingest"}) or 0.0


async def test_a_worker_that_asks_without_end_is_refused_and_others_are_answered(nats_server: TestNats) -> None:
    released = asyncio.Event()

    async def answer(worker_id: str, _asked: GetAnswer) -> QuestionView:
        if worker_id == FLOODING:
            await released.wait()
        return QuestionView.model_validate(QUESTION)

    service, request = new_id("asked"), GetAnswer(question_id="q-1").to_json()
    async with a_bus(nats_server) as serving, a_bus(nats_server) as asking:
        await serve(serving, service, {"get_answer": typed(GetAnswer, answer)})

        async def ask(worker_id: str) -> str:
            try:
                await call(asking, subjects.rpc(service, "get_answer", worker_id), request, 30)
            except RpcError as error:
                return error.code
            return "answered"

        asked = [asyncio.create_task(ask(FLOODING)) for _ in range(MOST_OF_ONE + 5)]
        await eventually(lambda: sum(one.done() for one in asked) == 5)
        assert await ask("w-1") == "answered"
        released.set()
        answers = Counter(await asyncio.gather(*asked))
        assert answers == {"answered": MOST_OF_ONE, "rate_limited": 5}
        assert await ask(FLOODING) == "answered"


async def test_heartbeats_and_requests_without_end_hold_up_no_other_worker_and_fill_no_table(
    database: Database, nats_server: TestNats
) -> None:
    async with orchestra(database, nats_server) as o, a_bus(nats_server) as flooding:
        honest = await o.worker("w-1")
        before = {reason: _refused("heartbeat", reason) for reason in ("invalid", "rate_limited")}
        for _ in range(BEATS):
            await flooding.publish_core(subjects.heartbeat(FLOODING), b"{}")
        await flooding.flush()
        await honest.beat(slots_total=7)
        await eventually(lambda: _has_slots(o, "w-1", 7))
        invalid, limited = (_refused("heartbeat", reason) - count for reason, count in before.items())
        assert invalid + limited == BEATS
        assert limited > 0
        assert 0 < len(await eventually(lambda: _letters(o))) < BEATS / 100

        async def ask(worker_id: str) -> str:
            try:
                await call(flooding, subjects.next_task(worker_id), b"{}", 30)
            except RpcError as error:
                return error.code
            return "answered"

        answers = Counter(await asyncio.gather(*(ask(FLOODING) for _ in range(ASKS))))
        assert answers.keys() == {"answered", "rate_limited"}
        assert answers["answered"] >= ASKS_AT_ONCE
        assert await ask("w-1") == "answered"


async def _has_slots(o: Orchestra, worker_id: str, slots: int) -> bool:
    return (await o.worker_view(worker_id)).slots_total == slots


async def _letters(o: Orchestra) -> list[asyncpg.Record]:
    return await o.sql("SELECT id FROM dead_letter WHERE subject = $1", subjects.heartbeat(FLOODING))


def _refused(kind: str, reason: str) -> float:
    return REGISTRY.get_sample_value("mews_core_refused_total", {"kind": kind, "reason": reason}) or 0.0

"""The log as a whole, on real servers: all that was said is in it, with its batch, and comes out as it went in."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import asyncpg
import httpx
import orjson
import pytest
from nats.aio.msg import Msg

from analytics_query.upstreams import open_log
from contracts import streams
from contracts.batches import DECIDED_BATCH, EVENT_BATCH, Batch
from contracts.decided import DecidedEvent, DecidedKind
from contracts.events import QUESTION_KINDS, Event, ProgressEvent
from contracts.telemetry import LoggedDecision, LoggedEvent, LogMarks
from servicekit.bus import Bus, Received
from servicekit.ids import new_event_id
from servicekit.inbox import producer_name
from servicekit.marks import Marks
from servicekit.migrations import run_migrations
from servicekit.pg import Database as Pg
from telemetry_ingest import app, handlers
from telemetry_ingest.domain import CONSUMERS, day_of, first_id_of
from telemetry_ingest.settings import Settings
from telemetry_ingest.store import PostgresEventLog
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.examples import FULL, MINIMAL, NOW
from tests.support.producer import Producer, settled
from tests.support.running import running_service
from tests.support.schema import settings_of
from tests.support.serving import serving
from tests.support.stack import Database, TestNats

# What 0003 added, taken away again: a schema as the version before it knows it, if with newer functions.
BACK_TO_0002 = """
    DROP INDEX events_worker; DROP TABLE producers, decided_events; DROP FUNCTION drop_oldest_partition;
    ALTER TABLE events DROP COLUMN question_id, DROP COLUMN producer_id, DROP COLUMN batch;
    UPDATE alembic_version SET version_num = '0002'
"""
UNINDEXED = """
    SELECT count(*) FROM pg_inherits AS part WHERE inhparent = 'events'::regclass AND NOT EXISTS (
        SELECT FROM pg_index WHERE indrelid = part.inhrelid AND indisvalid
            AND pg_get_indexdef(indexrelid) LIKE '%(worker_id, event_id)'
    )
"""
# One partition has its index, the other's was left unfinished.
BROKEN_OFF = """
    DROP INDEX events_worker; CREATE INDEX events_worker ON ONLY events (worker_id, event_id);
    CREATE INDEX events_strays_worker ON events_strays (worker_id, event_id);
    UPDATE alembic_version SET version_num = '0002'
"""
ONE_ROW = """
    INSERT INTO events (event_id, day, kind, worker_id, seq, occurred_at, recorded_at, evidence, stale, body)
    VALUES ($1, $2, 'stream', 'worker-1', 1, $3, $3, 'reported', false, '{"stream_type": "output", "content": "x"}')
"""
ONE_DECISION = """
    INSERT INTO decided_events (event_id, kind, occurred_at, recorded_at, actor, data)
    VALUES ($1, 'worker.online', $2, $2, 'system', '{}')
"""
MANY = 20_000
FIRST_ID = "0198f300-0000-7000-8000-000000000000"
FILL = """
    INSERT INTO events (event_id, day, kind, worker_id, seq, occurred_at, recorded_at, evidence, stale, body)
    SELECT (left($1, 24) || lpad(to_hex(n), 12, '0'))::uuid, $2, 'stream', 'worker-1', n, now(), now(), 'reported',
        false, jsonb_build_object('stream_type', 'output', 'content', repeat('x', 900))
    FROM generate_series(1, $3::int) AS n
"""


@pytest.fixture
def settings(stack_env: StackEnv) -> Settings:
    return Settings.model_validate({name.lower(): value for name, value in stack_env("telemetry").items()})


@pytest.fixture
async def bus(nats_server: TestNats) -> AsyncGenerator[Bus]:
    async with a_bus(nats_server) as bus:
        yield bus


@pytest.fixture
async def log(database: Database) -> AsyncGenerator[PostgresEventLog]:
    """The log alone, migrated, without a service."""
    known = settings_of(database, app.SCHEMA)
    await run_migrations(app.MIGRATIONS, app.SCHEMA, known)
    db = await Pg.connect(known, app.SCHEMA)
    try:
        yield PostgresEventLog(db)
    finally:
        await db.close()


async def sql(database: Database, statement: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database.dsn("telemetry", owner=True))
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()


async def script(database: Database, statements: str) -> None:
    connection = await asyncpg.connect(database.dsn("telemetry", owner=True))
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def all_settled(bus: Bus) -> None:
    for stream, consumer in CONSUMERS.items():
        await settled(bus, stream, consumer)


async def lines_of(client: httpx.AsyncClient, what: str, **query: Any) -> list[str]:
    answer = await client.get(f"/v1/log/{what}", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return answer.text.splitlines()


def decided(kind: DecidedKind, **more: Any) -> DecidedEvent:
    return DecidedEvent.model_validate({"event_id": new_event_id(), "kind": kind, "occurred_at": NOW} | more)


NEWS: list[dict[str, Any]] = [
    {"kind": DecidedKind.task_queued, "task_id": "task-1", "data": {"priority": "high", "ratio": 0.1}},
    {"kind": DecidedKind.task_assigned, "task_id": "task-1", "attempt": 2, "worker_id": "worker-1"},
    {"kind": DecidedKind.worker_sampled, "data": {"every_ms": 30_000, "workers": []}},
    {"kind": DecidedKind.question_asked, "task_id": "task-1", "question_id": "q-1", "actor": "worker-1"},
]


def expected_lines(producer: Producer, adapter: Any, line: Any) -> dict[str, Any]:
    """By event id, what the log must say of all that a producer has sent, read from the messages themselves."""
    expected: dict[str, Any] = {}
    for message in producer.sent:
        batch = adapter.validate_json(message.payload)
        name = producer_name(message.subject, batch.producer)
        for event in batch.events:
            expected[event.event_id] = line(producer=name, batch=batch.batch, event=event)
    return expected


async def test_the_log_gives_back_all_that_was_said_and_the_batch_of_each(settings: Settings, bus: Bus) -> None:
    async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client:
        workers, services = Producer(bus), Producer(bus, "orchestrator-1")
        await workers.send(*(workers.make(kind, FULL[kind]) for kind in sorted(FULL)))
        await services.tell(*(decided(**one) for one in NEWS))
        least = MINIMAL | {"registered": MINIMAL["registered"] | {"worker_id": "worker-2"}}
        await workers.send(*(workers.make(kind, least[kind], worker_id="worker-2") for kind in sorted(least)))
        for producer in (workers, services):
            await producer.repeat_all(0)
        await all_settled(bus)

        events, news = await lines_of(client, "events"), await lines_of(client, "decided")
        expected = expected_lines(workers, EVENT_BATCH, LoggedEvent)
        assert [LoggedEvent.model_validate_json(line) for line in events] == [expected[key] for key in sorted(expected)]
        told = expected_lines(services, DECIDED_BATCH, LoggedDecision)
        assert [LoggedDecision.model_validate_json(line) for line in news] == [told[key] for key in sorted(told)]

        marks = LogMarks.model_validate((await client.get("/v1/log/marks")).json())
        marked = {one.stream: one.producers for one in marks.streams}
        assert marked.keys() == CONSUMERS.keys()
        for one in expected.values():
            stream = streams.QUESTIONS if one.event.kind in QUESTION_KINDS else streams.TELEMETRY
            found = marked[stream][one.producer]
            assert one.batch in Marks(found.low, tuple(found.above))
        assert marked[streams.EVENTS]["orchestrator-1"].low == len(NEWS)
        assert {message.subject.split(".")[0] for message in workers.sent} == {"worker", "manager"}


async def test_an_export_goes_on_behind_an_id_and_keeps_to_a_period(settings: Settings, bus: Bus) -> None:
    async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client:
        producer = Producer(bus)
        times = [NOW + timedelta(minutes=n) for n in range(4)]
        sent = [producer.make("progress", MINIMAL["progress"], occurred_at=at) for at in times]
        await producer.send(*sent)
        news = [decided(DecidedKind.worker_online, worker_id="worker-1", occurred_at=at) for at in times]
        await producer.tell(*news)
        await all_settled(bus)
        period = {"since": times[1].isoformat(), "until": times[3].isoformat()}
        for what, ids in (("events", [e.event_id for e in sent]), ("decided", [e.event_id for e in news])):
            behind = await lines_of(client, what, after=ids[1])
            within = await lines_of(client, what, **period)
            both = await lines_of(client, what, after=ids[1], **period)
            assert [_id(line) for line in behind] == ids[2:]
            assert [_id(line) for line in within] == ids[1:3]
            assert [_id(line) for line in both] == ids[2:3]
            assert await lines_of(client, what, after=ids[3]) == []
        refused = await client.get("/v1/log/events", params={"after": "yesterday"})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")


def _id(line: str) -> str:
    return orjson.loads(line)["event"]["event_id"]


async def test_after_a_step_back_what_the_newer_version_wrote_is_kept_and_in_nobodys_way(
    settings: Settings, database: Database, bus: Bus
) -> None:
    async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client:
        producer = Producer(bus)
        known = producer.make("progress", MINIMAL["progress"], worker_id="worker-1", task_id="task-1")
        await producer.send(known)
        news = decided(DecidedKind.worker_online)
        await producer.tell(news)
        await all_settled(bus)
        await sql(database, ONE_ROW.replace("'stream'", "'vision'"), new_event_id(), day_of(known.event_id), NOW)
        await sql(database, ONE_DECISION.replace("worker.online", "worker.dreamt"), new_event_id(), NOW)
        page = await client.get("/v1/events", params={"worker_id": "worker-1"})
        assert [item["event"]["event_id"] for item in page.json()["items"]] == [known.event_id]
        assert len(await lines_of(client, "events")) == len(await lines_of(client, "decided")) == 2
        async with open_log(settings.model_copy(update={"telemetry_ingest_url": str(client.base_url)})) as log:
            events = [one.event.event_id async for some in log.events() for one in some]
            decisions = [one.event.event_id async for some in log.decided() for one in some]
        assert (events, decisions) == ([known.event_id], [news.event_id])


async def test_an_export_that_a_stop_cuts_off_looks_like_no_whole_and_goes_on_where_it_ended(
    settings: Settings, database: Database
) -> None:
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings)
    await sql(database, FILL, FIRST_ID, day_of(FIRST_ID), MANY)
    service = app.create_app(settings)
    async with serving(service) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
        seen: list[str] = []

        async def read() -> None:
            async with client.stream("GET", "/v1/log/events") as answer:
                async for line in answer.aiter_lines():
                    seen.append(_id(line))
                    service.state.stopping.set()

        with pytest.raises(httpx.RemoteProtocolError):
            await read()
        assert 0 < len(seen) < MANY
        service.state.stopping.clear()
        rest = [_id(line) for line in await lines_of(client, "events", after=seen[-1])]
        assert len(seen) + len(rest) == len({*seen, *rest}) == MANY
        assert seen + rest == sorted(seen + rest)


async def test_a_new_producer_is_numbered_once_by_all_replicas_and_not_by_what_is_rolled_back(
    log: PostgresEventLog, database: Database
) -> None:
    known = Batch[Event](producer="spool-1", batch=1, events=[an_event()])
    again = Batch[Event](producer="spool-2", batch=1, events=[*known.events, an_event()])
    await log.record([received(known)], "telemetry-ingest", NOW)
    # The first try meets the event that is known, and takes spool-2's new number back with it.
    recorded = await log.record([received(again)], "telemetry-ingest", NOW)
    assert [one.event for one in recorded] == again.events[1:]
    batches = [Batch[Event](producer="new", batch=n, events=[an_event()]) for n in range(1, 5)]
    replicas = [(PostgresEventLog(log.database), received(batch)) for batch in batches]
    # Under different consumers, so that the marks do not make them wait for each other.
    await asyncio.gather(*(one.record([batch], f"consumer-{n}", NOW) for n, (one, batch) in enumerate(replicas)))
    named = "SELECT name, batch FROM events LEFT JOIN producers USING (producer_id) ORDER BY name, batch"
    found = [tuple(row) for row in await sql(database, named)]
    expected = [("new", n) for n in range(1, 5)] + [("spool-1", 1), ("spool-2", 1)]
    assert found == [(f"worker-1/{name}", batch) for name, batch in expected]


async def test_a_decision_told_again_in_another_batch_stands_once(log: PostgresEventLog, database: Database) -> None:
    news = [decided(DecidedKind.task_assigned, task_id=f"t-{n}", attempt=1, worker_id="w") for n in range(3)]
    for producer, events in (("one", news[:2]), ("other", news)):
        batch = Batch[DecidedEvent](producer=producer, batch=1, events=events)
        await log.record_decided([received(batch, "event.task.assigned")], "telemetry-ingest-events", NOW)
    rows = await sql(database, "SELECT task_id, name FROM decided_events JOIN producers USING (producer_id) ORDER BY 1")
    assert [tuple(row) for row in rows] == [("t-0", "one"), ("t-1", "one"), ("t-2", "other")]
    assert len(await sql(database, "SELECT FROM task_attempts")) == 3


def an_event() -> ProgressEvent:
    return ProgressEvent.model_validate(
        {"event_id": new_event_id(), "worker_id": "worker-1", "occurred_at": NOW, "body": MINIMAL["progress"]}
    )


def received(batch: Any, subject: str = "worker.progress.worker-1") -> Received[Any]:
    return Received(batch, Msg(cast(Any, None), subject=subject))


async def test_what_is_older_than_the_retention_is_forgotten_and_nothing_else(
    log: PostgresEventLog, database: Database
) -> None:
    now = datetime.now(UTC)  # noqa: TID251
    today = now.date()
    await log.ensure_partitions([today - timedelta(days=n) for n in range(6)])
    ages = {id_of(today - timedelta(days=n)): n for n in range(6)}
    strays = {f"00000000-0000-7000-8000-00000000000{n}": n for n in range(6)}
    for event_id, age in (ages | strays).items():
        row = (event_id, day_of(event_id), now - timedelta(days=age, hours=1))
        await sql(database, ONE_ROW, *row)
        await sql(database, ONE_DECISION, event_id, now)
    async with log.database.transaction() as reader:
        await reader.execute("LOCK TABLE events IN ACCESS SHARE MODE")
        assert await handlers.forget_old(log, now, days=2) == 0
    assert await handlers.forget_old(log, now, days=2) == 3
    assert await handlers.forget_old(log, now, days=2) == 0
    left = {str(row[0]) for row in await sql(database, "SELECT event_id FROM events")}
    assert left == {one for one in ages if ages[one] <= 2} | {one for one in strays if strays[one] < 2}
    decisions = {str(row[0]) for row in await sql(database, "SELECT event_id FROM decided_events")}
    assert decisions == {one for one in ages if ages[one] <= 2}
    await handlers.keep_partitions(log, now)
    [made] = await sql(database, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass")
    assert made[0] == 11


def id_of(day: date) -> str:
    return first_id_of(day)[:14] + "7000-8000-000000000001"


async def test_a_log_of_the_version_before_is_brought_up_to_this_one_also_after_a_break(database: Database) -> None:
    known = settings_of(database, app.SCHEMA)
    await run_migrations(app.MIGRATIONS, app.SCHEMA, known)
    await sql(database, "SELECT ensure_partition(current_date + n) FROM generate_series(0, 2) AS n")
    await sql(database, ONE_ROW, FIRST_ID, day_of(FIRST_ID), NOW)
    for before in (BACK_TO_0002, BROKEN_OFF):
        await script(database, before)
        await run_migrations(app.MIGRATIONS, app.SCHEMA, known)
        assert [row[0] for row in await sql(database, UNINDEXED)] == [0]
    await sql(database, "SELECT ensure_partition(current_date + 5)")
    assert [row[0] for row in await sql(database, UNINDEXED)] == [0]
    db = await Pg.connect(known, app.SCHEMA)
    pieces = [piece async for piece in PostgresEventLog(db).export_events(None, None, None)]
    await db.close()
    old = LoggedEvent.model_validate_json(b"".join(pieces))
    assert (old.event.event_id, old.producer, old.batch) == (FIRST_ID, None, None)

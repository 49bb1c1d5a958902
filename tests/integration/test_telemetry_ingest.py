"""telemetry-ingest on real servers: what comes on the bus stands in the log once, and is shown."""

import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from contracts import streams
from contracts.decided import DecidedEvent, DecidedKind
from servicekit.bus import Bus, declare_streams
from servicekit.ids import new_event_id
from telemetry_ingest import app, tables
from telemetry_ingest.settings import Settings
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.examples import FULL, MINIMAL, NOW
from tests.support.producer import Producer, settled
from tests.support.running import running_service
from tests.support.schema import schema_differences
from tests.support.stack import Database, TestNats, TestRedis
from tests.support.waiting import eventually

ALL_KINDS = sorted(FULL)


@pytest.fixture
def settings(stack_env: StackEnv) -> Settings:
    return Settings.model_validate({name.lower(): value for name, value in stack_env("telemetry").items()})


@pytest.fixture
async def client(settings: Settings) -> AsyncGenerator[httpx.AsyncClient]:
    async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client:
        yield client


@pytest.fixture
async def bus(nats_server: TestNats) -> AsyncGenerator[Bus]:
    async with a_bus(nats_server) as bus:
        yield bus


@pytest.fixture
def producer(client: httpx.AsyncClient, bus: Bus) -> Producer:
    return Producer(bus)


async def rows(database: Database, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database.dsn("telemetry"))
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


async def stored(client: httpx.AsyncClient, many: int, **query: Any) -> list[dict[str, Any]]:
    async def enough() -> list[dict[str, Any]] | None:
        items = (await client.get("/v1/events", params=query | {"limit": 500})).json()["items"]
        return items if len(items) >= many else None

    return await eventually(enough)


async def test_every_kind_of_event_is_read_back_as_it_was_sent(client: httpx.AsyncClient, producer: Producer) -> None:
    sent = [producer.make(kind, FULL[kind]) for kind in ALL_KINDS]
    await producer.send(*sent)
    items = await stored(client, len(sent))
    assert [item["event"] for item in items] == [one.to_dict() for one in sent]
    assert not any(item["stale"] for item in items)


async def test_a_batch_that_comes_again_has_its_effect_once(
    client: httpx.AsyncClient, producer: Producer, bus: Bus, database: Database
) -> None:
    await producer.send(*(producer.make("stream", MINIMAL["stream"]) for _ in range(100)))
    for number in range(3):
        await producer.repeat_all(number)
    await settled(bus, streams.TELEMETRY, "telemetry-ingest")
    assert (await rows(database, "SELECT count(*) FROM events"))[0][0] == 100
    tail = (await client.get("/v1/tasks/task-123/tail", params={"last_n": 500})).json()
    assert len(tail["entries"]) == 100


async def test_an_event_sealed_again_in_another_batch_stands_once(
    client: httpx.AsyncClient, bus: Bus, producer: Producer, database: Database
) -> None:
    events = [producer.make("milestone", MINIMAL["milestone"]) for _ in range(5)]
    await producer.send(*events[:3])
    await Producer(bus, "spool-2").send(*events)
    await stored(client, 5)
    await settled(bus, streams.TELEMETRY, "telemetry-ingest")
    assert (await rows(database, "SELECT count(*) FROM events"))[0][0] == 5


async def assign(
    producer: Producer, bus: Bus, attempt: int, worker_id: str = "worker-1", occurred_at: datetime = NOW
) -> None:
    """Let the orchestrator's news of an assignment arrive."""
    news = DecidedEvent(
        event_id=new_event_id(),
        kind=DecidedKind.task_assigned,
        occurred_at=occurred_at,
        task_id="task-123",
        attempt=attempt,
        worker_id=worker_id,
    )
    await producer.tell(news)
    await settled(bus, streams.EVENTS, "telemetry-ingest-events")


async def test_an_old_attempt_is_kept_and_marked_stale(client: httpx.AsyncClient, producer: Producer, bus: Bus) -> None:
    await assign(producer, bus, attempt=2)
    await producer.send(producer.make("progress", MINIMAL["progress"], attempt=2))
    await producer.send(producer.make("progress", MINIMAL["progress"], attempt=1))
    items = await stored(client, 2)
    assert [(item["event"]["attempt"], item["stale"]) for item in items] == [(2, False), (1, True)]


async def test_what_came_before_the_news_of_a_newer_attempt_is_judged_again_by_when_it_came(
    client: httpx.AsyncClient, producer: Producer, bus: Bus
) -> None:
    await producer.send(producer.make("progress", MINIMAL["progress"], attempt=1))
    [before] = await stored(client, 1)
    assert (await shown(client))[-1]["stale"] is False
    # The orchestrator decided after this one was recorded, and before the next.
    decided_at = datetime.fromisoformat(before["recorded_at"]) + timedelta(microseconds=1)
    await producer.send(producer.make("milestone", MINIMAL["milestone"], attempt=1))
    await stored(client, 2)
    await assign(producer, bus, 2, "worker-2", decided_at)
    await producer.send(producer.make("milestone", MINIMAL["milestone"], attempt=2, worker_id="worker-2"))
    items = await stored(client, 3)
    assert [item["stale"] for item in items] == [False, True, False]
    assert [entry["stale"] for entry in await shown(client)] == [False, True, False]


async def shown(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """The tail of the task."""
    return (await client.get("/v1/tasks/task-123/tail")).json()["entries"]


async def test_a_worker_cannot_make_the_attempt_of_another_stale(
    client: httpx.AsyncClient, producer: Producer, bus: Bus
) -> None:
    await assign(producer, bus, attempt=1)
    await producer.send(producer.make("progress", MINIMAL["progress"], worker_id="rogue", attempt=2_000_000_000))
    await producer.send(producer.make("progress", MINIMAL["progress"], worker_id="rogue", attempt=1))
    await producer.send(producer.make("progress", MINIMAL["progress"], attempt=1))
    items = await stored(client, 3)
    assert [item["stale"] for item in items] == [False, True, False]


@pytest.mark.parametrize("payload", [b"not json", b"{}", b'{"producer":"p","batch":1,"events":[{"kind":"dance"}]}'])
async def test_a_malformed_message_is_put_aside_with_its_reason_and_disturbs_nothing(
    client: httpx.AsyncClient, producer: Producer, bus: Bus, database: Database, payload: bytes
) -> None:
    await bus.js.publish("worker.progress.worker-1", payload)
    await producer.send(producer.make("progress", MINIMAL["progress"]))
    await stored(client, 1)
    letters = await eventually(lambda: rows(database, "SELECT subject, payload, reason FROM dead_letter"))
    assert (letters[0]["subject"], letters[0]["payload"]) == ("worker.progress.worker-1", payload)
    assert letters[0]["reason"]


async def test_an_event_of_another_worker_is_put_aside(
    client: httpx.AsyncClient, producer: Producer, bus: Bus, database: Database
) -> None:
    await producer.send(producer.make("progress", MINIMAL["progress"]))
    await bus.js.publish("worker.progress.worker-9", producer.sent[-1].payload)
    letters = await eventually(lambda: rows(database, "SELECT reason FROM dead_letter"))
    assert "'worker-1'" in letters[0]["reason"]
    assert "worker.progress.worker-9" in letters[0]["reason"]


async def test_the_log_is_paged_by_cursor_in_both_orders(client: httpx.AsyncClient, producer: Producer) -> None:
    sent = [producer.make("progress", MINIMAL["progress"]) for _ in range(7)]
    await producer.send(*sent)
    await stored(client, 7)
    for order, expected in (("asc", sent), ("desc", sent[::-1])):
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 3, "order": order}
        while query.get("cursor", "") is not None:
            page = (await client.get("/v1/events", params=query)).json()
            seen += [item["event"]["event_id"] for item in page["items"]]
            query["cursor"] = page.get("next_cursor")
        assert seen == [one.event_id for one in expected]


async def test_the_log_is_filtered_by_task_kind_and_stream_type(client: httpx.AsyncClient, producer: Producer) -> None:
    await producer.send(
        producer.make("stream", FULL["stream"]),
        producer.make("stream", MINIMAL["stream"]),
        producer.make("milestone", MINIMAL["milestone"]),
        producer.make("milestone", MINIMAL["milestone"], task_id="task-9"),
    )
    await stored(client, 4)
    assert len(await stored(client, 1, task_id="task-9")) == 1
    assert len(await stored(client, 2, kind="milestone")) == 2
    mixed = await stored(client, 2, task_id="task-123", kind="milestone", stream_type="thinking")
    assert sorted(item["event"]["kind"] for item in mixed) == ["milestone", "stream"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("kind=dance", "dance"),
        ("stream_type=dance", "stream_type"),
        ("colour=red", "colour"),
        ("cursor=WyJhIl0", "cursor"),
    ],
)
async def test_a_wrong_filter_is_refused_by_name(client: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await client.get(f"/v1/events?{query}")
    assert answer.status_code == 422
    assert field in answer.text


async def test_the_tail_shows_the_last_entries_of_the_types_asked_for(
    client: httpx.AsyncClient, producer: Producer
) -> None:
    await producer.send(*(producer.make("stream", {"stream_type": "output", "content": f"line {n}"}) for n in range(9)))
    await producer.send(producer.make("milestone", FULL["milestone"]), producer.make("stream", FULL["stream"]))
    await producer.send(producer.make("question", FULL["question"]))
    await stored(client, 12)

    async def tail(**query: Any) -> list[str]:
        answer = await client.get("/v1/tasks/task-123/tail", params=query)
        return [entry["content"] for entry in answer.json()["entries"]]

    assert await tail(last_n=2, types="output") == ["line 7", "line 8"]
    asked = await eventually(lambda: tail(types="question"))
    assert FULL["question"]["question"] in asked[0]
    both = await tail(types=["thinking", "milestone"])
    assert sorted(both) == [
        "Considering token refresh strategy…",
        "JWT implementation complete (feature_implemented)",
    ]


async def test_without_redis_the_tail_comes_from_the_log_and_has_no_gap_afterwards(
    client: httpx.AsyncClient, producer: Producer, redis_server: TestRedis
) -> None:
    async def tail() -> list[str]:
        answer = await client.get("/v1/tasks/task-123/tail", params={"last_n": 3})
        return [entry["content"] for entry in answer.json()["entries"]]

    lines = [producer.make("stream", {"stream_type": "output", "content": f"line {n}"}) for n in range(12)]
    await producer.send(*lines[:5])
    await stored(client, 5)
    redis_server.kill()
    await producer.send(*lines[5:10])
    await stored(client, 10)
    assert await tail() == ["line 7", "line 8", "line 9"]
    redis_server.start()
    await producer.send(*lines[10:])
    await stored(client, 12)
    await eventually(lambda: _is(tail(), ["line 9", "line 10", "line 11"]))


async def _is(asked: Coroutine[Any, Any, list[str]], expected: list[str]) -> bool:
    return await asked == expected


async def test_a_silent_live_tail_stays_open(stack_env: StackEnv, bus: Bus) -> None:
    given = {name.lower(): value for name, value in stack_env("telemetry").items()}
    settings = Settings.model_validate(given | {"redis_timeout_ms": 200, "live_heartbeat_ms": 10_000})
    async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client:
        async with client.stream("GET", "/v1/tasks/task-123/live") as answer:
            comments = 0
            async for line in answer.aiter_lines():
                comments += line.startswith(":")
                if comments == 5:
                    return
        raise AssertionError("the live tail ended")


async def test_todays_events_do_not_stand_among_the_strays_even_if_they_waited_for_the_service(
    settings: Settings, bus: Bus, database: Database
) -> None:
    await declare_streams(bus.js)
    producer = Producer(bus)
    await producer.send(producer.make("progress", MINIMAL["progress"]))
    async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client:
        await stored(client, 1)
    [row] = await rows(database, "SELECT tableoid::regclass::text FROM events")
    assert row[0] != "events_strays"


@pytest.mark.parametrize(
    "path",
    ["/v1/tasks/ta%00sk/tail", "/v1/tasks/a%20b/tail", "/v1/events?task_id=a%00b", "/v1/events?worker_id=a%00b"],
)
async def test_an_id_that_can_be_none_is_refused(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_the_live_tail_streams_what_comes_and_resumes_where_it_was_left(
    client: httpx.AsyncClient, producer: Producer
) -> None:
    await producer.send(producer.make("stream", {"stream_type": "output", "content": "first"}))
    await stored(client, 1)

    async def read(after: str, many: int) -> list[tuple[str, str]]:
        headers = {"Last-Event-ID": after}
        seen: list[tuple[str, str]] = []
        async with client.stream("GET", "/v1/tasks/task-123/live?types=output", headers=headers) as answer:
            position = ""
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    position = line.removeprefix("id: ")
                if line.startswith("data: "):
                    seen.append((position, json.loads(line.removeprefix("data: "))["content"]))
                if not line and len(seen) >= many:
                    return [(position, content) for _, content in seen]
        return seen

    [(position, content)] = await read("0-0", 1)
    assert content == "first"
    await producer.send(producer.make("stream", FULL["stream"]))
    await producer.send(producer.make("stream", {"stream_type": "output", "content": "second"}))
    assert [content for _, content in await read(position, 1)] == ["second"]


async def test_a_live_tail_that_nobody_reads_holds_nothing_up(
    client: httpx.AsyncClient, producer: Producer, bus: Bus, database: Database
) -> None:
    long = {"stream_type": "output", "content": "x" * 4_000}
    async with AsyncExitStack() as stack:
        for _ in range(3):
            answer = client.stream("GET", "/v1/tasks/task-123/live", headers={"Last-Event-ID": "0-0"})
            assert (await stack.enter_async_context(answer)).status_code == 200
        for _ in range(20):
            await producer.send(*(producer.make("stream", long) for _ in range(50)))
        await settled(bus, streams.TELEMETRY, "telemetry-ingest")
        assert (await rows(database, "SELECT count(*) FROM events"))[0][0] == 1_000
        assert (await client.get("/readyz")).status_code == 200


async def test_an_unknown_type_of_the_live_tail_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/tasks/task-123/live?types=dance")
    assert answer.status_code == 422
    assert "thinking" in answer.json()["detail"]


async def test_events_stand_in_the_partition_of_their_day(
    client: httpx.AsyncClient, producer: Producer, database: Database
) -> None:
    stray = producer.make("progress", MINIMAL["progress"], event_id="00000000-0001-7000-8000-000000000000")
    await producer.send(stray, producer.make("progress", MINIMAL["progress"]))
    await stored(client, 2)
    names = [row[0] for row in await rows(database, "SELECT DISTINCT tableoid::regclass::text FROM events ORDER BY 1")]
    assert len(names) == 2
    assert names[1] == "events_strays"
    made = await rows(database, "SELECT count(*) FROM pg_inherits")
    assert made[0][0] >= 9


async def test_models_are_what_the_migrations_make(database: Database) -> None:
    metadata = tables.Base.metadata
    assert await schema_differences(database, app.SCHEMA, app.MIGRATIONS, metadata) == []

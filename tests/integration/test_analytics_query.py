"""analytics-query on real servers: the facts of a task are what its events say, however they come."""

from collections.abc import AsyncGenerator
from typing import Any

import asyncpg
import httpx
import pytest

from analytics_query import app, tables
from analytics_query.settings import Settings
from contracts import streams
from contracts.decided import DecidedEvent, DecidedKind
from contracts.events import EVENT_TYPES
from servicekit.bus import Bus
from servicekit.ids import new_event_id
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.examples import FULL, MINIMAL, NOW
from tests.support.producer import Producer, settled
from tests.support.running import running_service
from tests.support.schema import schema_differences
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually


@pytest.fixture
def settings(stack_env: StackEnv) -> Settings:
    return Settings.model_validate({name.lower(): value for name, value in stack_env("analytics").items()})


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


async def facts(client: httpx.AsyncClient, events: int, task_id: str = "task-123") -> dict[str, Any]:
    """The facts of a task once they hold so many events."""

    async def complete() -> dict[str, Any] | None:
        known = (await client.get(f"/v1/tasks/{task_id}/facts")).json()
        return known if sum(known["events"].values()) >= events else None

    return await eventually(complete)


async def test_every_kind_of_event_of_an_attempt_is_counted(client: httpx.AsyncClient, producer: Producer) -> None:
    of_attempt = [kind for kind in EVENT_TYPES if kind != "registered"]
    await producer.send(*(producer.make(kind, FULL[kind]) for kind in of_attempt))
    await producer.repeat_all(1)
    assert (await facts(client, len(of_attempt)))["events"] == dict.fromkeys(of_attempt, 1)


async def test_the_facts_of_a_task_are_what_its_events_say(client: httpx.AsyncClient, producer: Producer) -> None:
    await producer.send(
        producer.make("progress", MINIMAL["progress"]),
        producer.make("milestone", FULL["milestone"]),
        producer.make("analytics", FULL["analytics"], evidence="observed"),
        producer.make("tests", FULL["tests"]),
        producer.make("error", FULL["error"]),
        producer.make("decision", FULL["decision"]),
        producer.make("progress", FULL["progress"]),
        producer.make("outcome", FULL["outcome"]),
    )
    known = await facts(client, 8)
    assert (known["status"], known["phase"], known["percent_complete"]) == ("executing", "implementation", 65.0)
    assert known["analytics"] == {"performance": {"execution_time_ms": 4532000}}
    assert known["evidence"] == {"performance": "observed"}
    assert [milestone["milestone_name"] for milestone in known["milestones"]] == ["JWT implementation complete"]
    assert (known["errors"], known["decisions"], known["execution_time_ms"]) == ({"warning": 1}, 1, 1000)
    assert known["tests"]["results"]["passed"] == 8
    assert known["outcome"]["verified"]["passed"] is True


async def test_a_redelivered_batch_counts_once(client: httpx.AsyncClient, producer: Producer, bus: Bus) -> None:
    await producer.send(*(producer.make("error", MINIMAL["error"]) for _ in range(10)))
    before = await facts(client, 10)
    for number in range(3):
        await producer.repeat_all(number)
    await settled(bus, streams.TELEMETRY, "analytics-query")
    assert await facts(client, 10) == before


async def test_figures_stand_in_the_table_of_the_reference(
    client: httpx.AsyncClient, producer: Producer, database: Database
) -> None:
    await producer.send(producer.make("analytics", FULL["analytics"]))
    await facts(client, 1)
    connection = await asyncpg.connect(database.dsn("analytics"))
    try:
        [row] = await connection.fetch("SELECT * FROM analytics")
    finally:
        await connection.close()
    assert list(row.keys())[:6] == ["id", "analytics_type", "source_type", "source_id", "data", "timestamp"]
    assert (row["worker_id"], row["attempt"], row["evidence"]) == ("worker-1", 1, "reported")
    assert (row["analytics_type"], row["source_type"], row["source_id"]) == ("performance", "task", "task-123")


async def assign(producer: Producer, bus: Bus, attempt: int) -> None:
    """Let the orchestrator's news of an assignment to worker-1 arrive."""
    news = DecidedEvent(
        event_id=new_event_id(),
        kind=DecidedKind.task_assigned,
        occurred_at=NOW,
        task_id="task-123",
        attempt=attempt,
        worker_id="worker-1",
    )
    await producer.tell(news)
    await settled(bus, streams.EVENTS, "analytics-query-events")


async def test_only_the_current_attempt_of_its_own_worker_makes_the_facts(
    client: httpx.AsyncClient, producer: Producer, bus: Bus
) -> None:
    await assign(producer, bus, attempt=2)
    await producer.send(producer.make("progress", {"status": "old"}, attempt=1))
    await producer.send(producer.make("progress", {"status": "pwned"}, worker_id="rogue", attempt=2_000_000_000))
    await producer.send(producer.make("progress", {"status": "forged"}, worker_id="rogue", attempt=2))
    await settled(bus, streams.TELEMETRY, "analytics-query")
    assert (await facts(client, 0))["events"] == {}
    await producer.send(producer.make("progress", {"status": "true"}, attempt=2))
    known = await facts(client, 1)
    assert (known["attempt"], known["status"]) == (2, "true")
    await assign(producer, bus, attempt=3)
    assert (await facts(client, 0))["events"] == {}


async def test_both_consumers_may_meet_a_new_task_at_once(
    client: httpx.AsyncClient, producer: Producer, bus: Bus
) -> None:
    for number in range(20):
        about = {"task_id": f"task-{number}"}
        await producer.send(
            producer.make("progress", MINIMAL["progress"], **about),
            producer.make("question", MINIMAL["question"], question_id=f"q-{number}", **about),
        )
    for number in range(20):
        assert (await facts(client, 2, f"task-{number}"))["events"] == {"progress": 1, "question": 1}


async def test_an_id_that_can_be_none_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/tasks/a%20b/facts")).status_code == 422


async def test_questions_count_among_the_facts(client: httpx.AsyncClient, producer: Producer) -> None:
    await producer.send(producer.make("question", MINIMAL["question"]))
    assert (await facts(client, 1))["events"] == {"question": 1}


async def test_a_task_without_events_has_empty_facts(client: httpx.AsyncClient) -> None:
    known = await facts(client, 0, "task-unknown")
    assert (known["attempt"], known["milestones"], known["analytics"]) == (0, [], {})


async def test_models_are_what_the_migrations_make(database: Database) -> None:
    assert await schema_differences(database, app.SCHEMA, app.MIGRATIONS, tables.Base.metadata) == []

"""Each service goes on working on a schema one version newer, as a rolling update needs it."""

import httpx

from analytics_query import app as analytics
from analytics_query.settings import Settings as AnalyticsSettings
from contracts import streams
from contracts.decided import DecidedEvent, DecidedKind
from mcp_gateway import app as gateway_app
from orchestrator import app as orchestrator
from question_broker import app as questions
from servicekit.ids import new_event_id
from telemetry_ingest import app as telemetry
from telemetry_ingest.settings import Settings as TelemetrySettings
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.examples import FULL, MINIMAL, NOW
from tests.support.gateway import gateway
from tests.support.newer_schema import REVISION, migrate_beyond, revision_of
from tests.support.orchestrating import orchestra
from tests.support.producer import Producer, settled
from tests.support.questioning import a_broker
from tests.support.running import running_service
from tests.support.stack import Database, TestNats
from tests.support.upstreams import World, upstreams
from tests.support.waiting import eventually


async def test_the_orchestrator_dispatches_and_completes(database: Database, nats_server: TestNats) -> None:
    tables = await migrate_beyond(database, orchestrator.MIGRATIONS, orchestrator.SCHEMA)
    assert {"tasks", "attempts", "workers", "outbox", "dead_letter"} <= set(tables)
    async with orchestra(database, nats_server) as o:
        worker = await o.worker()
        async with worker.alive() as running:
            first, second = await o.create(), await o.create(idempotency_key="once")
            for _ in range(2):
                assignment = await worker.take()
                running.append(assignment)
                await worker.progress(assignment)
            await o.reaches(first.task_id, "running")
            await worker.end(running[0])
            await worker.end(running[1], "failed")
            await o.reaches(first.task_id, "completed")
            third = await o.create()
            cancelled = await o.client.post(f"/v1/tasks/{third.task_id}/cancel", json={})
            assert cancelled.status_code == 200
        listed = (await o.client.get("/v1/tasks")).json()["items"]
        assert {one["task_id"] for one in listed} == {first.task_id, second.task_id, third.task_id}
        assert (await o.client.get("/v1/queue")).status_code == 200
        assert "task.completed" in await o.events(first.task_id)
    assert await revision_of(database, orchestrator.SCHEMA) == REVISION


async def test_telemetry_records_and_shows(database: Database, nats_server: TestNats, stack_env: StackEnv) -> None:
    tables = await migrate_beyond(database, telemetry.MIGRATIONS, telemetry.SCHEMA)
    assert {"events", "decided_events", "task_attempts"} <= set(tables)
    settings = TelemetrySettings.model_validate({name.lower(): value for name, value in stack_env("telemetry").items()})
    async with (
        running_service(telemetry.create_app, settings, telemetry.MIGRATIONS, telemetry.SCHEMA) as client,
        a_bus(nats_server) as bus,
    ):
        producer = Producer(bus)
        events = [producer.make(kind, FULL[kind]) for kind in sorted(FULL)]
        await producer.send(*events)
        # A part of it again, sealed otherwise: rows that are known are told from new ones.
        again = [*events[:3], producer.make("milestone", MINIMAL["milestone"])]
        await Producer(bus, "spool-2").send(*again)
        await producer.tell(news(DecidedKind.task_assigned))
        for stream, durable in ((streams.TELEMETRY, "telemetry-ingest"), (streams.EVENTS, "telemetry-ingest-events")):
            await settled(bus, stream, durable)

        async def shown() -> bool:
            items = (await client.get("/v1/events", params={"limit": 500})).json()["items"]
            return len(items) == len(events) + 1

        await eventually(shown)
        lines = (await client.get("/v1/log/events")).text.splitlines()
        assert len(lines) == len(events) + 1
        assert (await client.get("/v1/dead-letters")).json()["items"] == []


async def test_the_broker_asks_and_answers(database: Database, nats_server: TestNats, stack_env: StackEnv) -> None:
    tables = await migrate_beyond(database, questions.MIGRATIONS, questions.SCHEMA)
    assert {"questions", "closed_attempts", "rules", "learnings"} <= set(tables)
    async with a_broker(stack_env("questions"), nats_server) as broker:
        await broker.rule(when={"kinds": ["question"]}, then={"answer": "by rule"})
        question_id = await broker.ask("question", MINIMAL["question"])
        answered = await broker.client.post(f"/v1/questions/{question_id}/answer", json={"answer": "yes"})
        assert answered.status_code == 200, answered.text
        assert (await broker.heard(question_id)).answer == "yes"
        withdrawn = await broker.ask("question", MINIMAL["question"], task_id="task-9")
        await broker.producer.tell(news(DecidedKind.task_completed, task_id="task-9"))
        await broker.reaches(withdrawn, "withdrawn")
        await broker.producer.send(broker.producer.make("learning", MINIMAL["learning"]))

        async def learned() -> bool:
            return bool((await broker.client.get("/v1/learnings")).json()["items"])

        await eventually(learned)


async def test_analytics_projects_and_reports(database: Database, nats_server: TestNats, stack_env: StackEnv) -> None:
    tables = await migrate_beyond(database, analytics.MIGRATIONS, analytics.SCHEMA)
    assert {"attempts", "tasks", "rollups", "decisions"} <= set(tables)
    settings = AnalyticsSettings.model_validate({name.lower(): value for name, value in stack_env("analytics").items()})
    async with (
        running_service(analytics.create_app, settings, analytics.MIGRATIONS, analytics.SCHEMA) as client,
        a_bus(nats_server) as bus,
    ):
        producer = Producer(bus)
        kinds = [kind for kind in sorted(FULL) if kind != "registered"]
        await producer.tell(news(DecidedKind.task_assigned))
        for _ in range(2):
            await producer.send(*(producer.make(kind, FULL[kind]) for kind in kinds))

        async def complete() -> bool:
            known = (await client.get("/v1/tasks/task-123/facts")).json()
            return sum(known["events"].values()) == 2 * len(kinds)

        await eventually(complete)
        for report in ("performance", "quality", "decisions", "errors"):
            assert (await client.get(f"/v1/reports/{report}")).status_code == 200


async def test_the_gateway_shows_its_keys(database: Database) -> None:
    tables = await migrate_beyond(database, gateway_app.MIGRATIONS, gateway_app.SCHEMA)
    assert tables
    known = {name.lower(): value for name, value in database.env(gateway_app.SCHEMA).items()}
    async with upstreams(World()) as addresses, gateway(addresses, **known) as url, httpx.AsyncClient() as http:
        shown = await http.get(f"{url.removesuffix('/mcp')}/v1/keys")
        assert (shown.status_code, shown.json()) == (200, {"items": []})


def news(kind: DecidedKind, task_id: str = "task-123") -> DecidedEvent:
    return DecidedEvent(
        event_id=new_event_id(), kind=kind, occurred_at=NOW, task_id=task_id, attempt=1, worker_id="worker-1"
    )

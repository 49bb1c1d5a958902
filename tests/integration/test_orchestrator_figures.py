"""What the orchestrator's metrics say of a real queue and a real fleet."""

from tests.support.orchestrating import Orchestra, orchestra
from tests.support.samples import Counted, sample
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

SEEN = {"agent": "claude", "model": "figures-model", "tokens_input": 100, "tokens_output": 20, "cost_usd": 0.5}


def tasks(state: str) -> float | None:
    return sample("mews_tasks", state=state)


async def shown(o: Orchestra) -> str:
    return (await o.client.get("/metrics")).text


async def test_the_leader_shows_the_queue_the_slots_and_the_streams(database: Database, nats_server: TestNats) -> None:
    async with orchestra(database, nats_server, metrics_tick_ms=100) as o:
        await o.create("nobody can", requirements={"tags": ["moon"]})
        await eventually(lambda: tasks("queued") == 1 and (sample("mews_tasks_queue_oldest_seconds") or 0) > 0)
        worker = await o.worker(slots=2)
        await o.create("this one can")
        held = await worker.take()
        await eventually(lambda: (tasks("queued"), tasks("assigned")) == (1, 1))
        await eventually(lambda: [sample("mews_slots", state=state) for state in ("total", "used")] == [2, 1])
        await eventually(lambda: sample("mews_workers", status="online") == 1)
        await worker.progress(held)
        await eventually(lambda: (tasks("assigned"), tasks("running")) == (0, 1))
        await eventually(lambda: sample("mews_bus_stream_messages", stream="TELEMETRY") is not None)
        text = await shown(o)
        assert 'mews_readiness_check_failing{check="schema"} 0.0' in text
        assert 'mews_build_info{mews_service="orchestrator",version="' in text


async def test_what_an_attempt_used_is_counted_once_even_if_it_came_too_late(
    database: Database, nats_server: TestNats
) -> None:
    async with orchestra(database, nats_server, lease_ms=500) as o:
        counted, worker = Counted(), await o.worker()

        def cost() -> float:
            return counted("mews_cost_usd_total", agent="claude", model="figures-model")

        await o.create()
        lost = await worker.take()
        again = await worker.take()
        assert (again.task_id, again.attempt) == (lost.task_id, 2)
        await worker.end(lost, "failed", observed=SEEN)
        await eventually(lambda: cost() == 0.5)
        await worker.end(again, observed=SEEN)
        await eventually(lambda: cost() == 1.0)
        await worker.end(again, observed=SEEN)
        await eventually(lambda: counted("mews_reports_refused_total", standing="late") == 1)
        assert cost() == 1.0
        assert counted("mews_tokens_total", agent="claude", model="figures-model", kind="input") == 200

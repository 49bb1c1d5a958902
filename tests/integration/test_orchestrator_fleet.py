"""The fleet as the leader keeps it: restarts, a size that follows the queue, and workers whose places were given up."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contracts.workers import FleetView, WorkerView
from tests.support.apiserver import ApiServer, Refused, an_api_server
from tests.support.fleet import HandWorker
from tests.support.orchestrating import Orchestra, orchestra
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

NAME = "mews-worker-{}"


@pytest.fixture
async def cluster() -> AsyncGenerator[ApiServer]:
    async with an_api_server(replicas=3) as server:
        yield server


class World:
    """An orchestrator, a cluster, and workers in its pods."""

    def __init__(self, o: Orchestra, cluster: ApiServer) -> None:
        self.o, self.cluster = o, cluster

    async def start(self, place: int, slots: int = 1) -> HandWorker:
        """The worker-agent of a pod begins."""
        return await self.o.worker(NAME.format(place), slots=slots)

    async def command(self, place: int, **body: Any) -> dict[str, Any]:
        answer = await self.o.client.post(f"/v1/workers/{NAME.format(place)}/commands", json=body)
        return answer.json() | {"http": answer.status_code}

    async def becomes(self, place: int, status: str, reason: str | None = None) -> WorkerView:
        async def it_is() -> WorkerView | None:
            view = await self.o.worker_view(NAME.format(place))
            return view if (view.status, view.reason) == (status, reason) else None

        view = await eventually(it_is)
        assert view is not None
        return view

    async def fleet(self) -> FleetView:
        answer = await self.o.client.get("/v1/fleet")
        assert answer.status_code == 200, answer.text
        return FleetView.model_validate_json(answer.content)

    async def intentions(self) -> list[str]:
        return [row["worker_id"] for row in await self.o.sql("SELECT worker_id FROM fleet_intentions ORDER BY 1")]

    async def done(self) -> list[tuple[str, str, str | None, dict[str, Any]]]:
        """What was told of the fleet's doings: what, who asked, about whom, and more."""
        return [(one.kind.value, one.actor, one.worker_id, one.data) for one in await self.o.told_of_fleet()]

    def is_ending(self, place: int) -> bool:
        return "deletionTimestamp" in self.cluster.pods[NAME.format(place)]["metadata"]


async def _nothing_meant(world: World) -> bool:
    return not await world.intentions()


async def _means(world: World, worker_id: str) -> bool:
    return await world.intentions() == [worker_id]


async def _unknown(world: World) -> FleetView | None:
    """The fleet as it is shown while the API server is away; the leader's own look may have met the refusal."""
    world.cluster.refusals.append(Refused(503, "starting"))
    shown = await world.fleet()
    return shown if shown.reason and "answered 503" in shown.reason else None


@asynccontextmanager
async def a_world(
    database: Database, nats: TestNats, cluster: ApiServer, folder: Path, **more: Any
) -> AsyncGenerator[World]:
    how = {"fleet": "kubernetes", "fleet_namespace": "mews", "fleet_kubeconfig": str(cluster.kubeconfig(folder))}
    fast = {"fleet_tick_ms": 30, "fleet_scale_up_after_ms": 0, "fleet_scale_down_after_ms": 200}
    async with orchestra(database, nats, **(how | fast | more)) as o:
        yield World(o, cluster)


async def test_a_restart_deletes_the_pod_and_moves_what_it_had_without_losing_an_attempt(
    database: Database, nats_server: TestNats, cluster: ApiServer, tmp_path: Path
) -> None:
    async with a_world(database, nats_server, cluster, tmp_path) as world:
        worker = await world.start(1)
        task = await world.o.create(max_attempts=1)
        assignment = await worker.take()
        await worker.beat(assignment)
        sent = await world.command(1, action="restart", reason="it hangs")
        assert (sent["http"], sent["action"]) == (202, "restart")
        assert (await worker.commanded()).action == "drain"
        await worker.beat(assignment, draining=True)
        await eventually(lambda: world.is_ending(1))
        assert not world.is_ending(0)
        ended = world.cluster.uid(worker.worker_id)

        # What a worker-agent does at SIGTERM when it is draining.
        await world.o.bus.request(f"manager.end_session.{worker.worker_id}", b"{}", 5)
        world.cluster.settle()
        second = await world.start(1)
        cancelled = await second.commanded(lambda one: one.action != "drain")
        assert (cancelled.action, cancelled.task_id, cancelled.attempt) == ("cancel", task.task_id, 1)
        assert (await second.commanded()).action == "resume"
        await second.beat()
        assert (await second.take()).attempt == 2
        view = await world.o.task(task.task_id)
        assert [one.state for one in view.attempts] == ["refused", "assigned"]
        assert await world.intentions() == []
        assert not world.is_ending(1)
        told = {"reason": "it hangs", "instance": ended}
        assert await world.done() == [("worker.ended", "manager", worker.worker_id, told)]


async def test_a_drained_restart_waits_for_what_runs_and_a_resume_calls_it_off(
    database: Database, nats_server: TestNats, cluster: ApiServer, tmp_path: Path
) -> None:
    async with a_world(database, nats_server, cluster, tmp_path) as world:
        worker = await world.start(0)
        await world.o.create()
        assignment = await worker.take()
        await world.command(0, action="pause")
        await world.command(0, action="restart", drain=True)
        await worker.beat(assignment, draining=True)
        await eventually(lambda: world.cluster.seen.clear() or True)
        await eventually(lambda: len(world.cluster.seen) > 6)
        assert not world.is_ending(0)
        cluster.unready("mews-worker-2", "ImagePullBackOff")
        shown = await world.fleet()
        assert (shown.kind, shown.replicas, shown.autoscale) == ("kubernetes", 3, False)
        assert [(one.ready, one.reason, one.intention) for one in shown.instances] == [
            (True, None, "restart"),
            (True, None, None),
            (False, "worker-agent: ImagePullBackOff", None),
        ]
        await world.command(0, action="resume")
        assert await world.intentions() == []

        await world.command(0, action="restart", drain=True)
        await world.command(0, action="pause")
        await worker.end(assignment)
        await eventually(lambda: world.is_ending(0))
        world.cluster.settle()
        await world.start(0)
        await eventually(lambda: _nothing_meant(world))
        await world.becomes(0, "paused")

        # The same again: a second restart takes over what holds, and a drain is no less a manager's will than a pause.
        for again, status in (("drain", "draining"), (None, "draining"), ("pause", "paused"), (None, "paused")):
            if again is not None:
                await world.command(0, action=again)
            await world.command(0, action="restart", drain=True)
            await eventually(lambda: world.is_ending(0))
            world.cluster.settle()
            await world.start(0)
            await eventually(lambda: _nothing_meant(world))
            await world.becomes(0, status)
        told = [event.data["action"] for event in await world.o.told("event.worker.commanded", at_least=17)]
        first = ["pause", "restart", "resume", "restart", "pause", "resume", "pause"]
        drained, paused = ["restart", "drain"], ["restart", "resume", "pause"]
        assert told == [*first, "drain", *drained, *drained, "pause", *paused, *paused]


async def test_the_fleet_grows_with_the_queue_and_shrinks_from_its_end_once_that_is_drained(
    database: Database, nats_server: TestNats, cluster: ApiServer, tmp_path: Path
) -> None:
    cluster.resize(1)
    cluster.settle()
    bounds = {"fleet_autoscale": True, "fleet_min_workers": 1, "fleet_max_workers": 3, "lease_ms": 60_000}
    async with a_world(database, nats_server, cluster, tmp_path, **bounds) as world:
        first = await world.start(0)
        for _ in range(3):
            await world.o.create()
        await eventually(lambda: cluster.replicas == 3)
        cluster.settle()
        others = [await world.start(1), await world.start(2)]
        held = [(worker, await worker.take()) for worker in (first, *others)]
        for worker, assignment in held[:2]:
            await worker.end(assignment)
            await world.o.reaches(assignment.task_id, "completed")

        # Work is left for one alone, and that one is last: it is drained, and waited for.
        assert (await others[1].commanded()).action == "drain"
        assert (cluster.replicas, await world.intentions()) == (3, ["mews-worker-2"])
        await others[1].end(held[2][1])
        await others[1].beat(draining=True, spool_events=1)
        await world.o.reaches(held[2][1].task_id, "completed")
        assert cluster.replicas == 3
        await others[1].beat(draining=True)
        assert (await others[0].commanded()).action == "drain"
        await others[0].beat(draining=True)
        await eventually(lambda: cluster.replicas == 1)
        cluster.settle()

        # Places that are filled again are given back to their workers, which were told to drain.
        tasks = [await world.o.create() for _ in range(2)]
        await eventually(lambda: cluster.replicas == 2)
        cluster.settle()
        back = await world.start(1)
        assert (await back.commanded(lambda one: one.action != "drain")).action == "resume"
        assert {(await one.take()).task_id for one in (first, back)} == {task.task_id for task in tasks}
        assert await world.intentions() == ["mews-worker-2"]
        sizes = [(more["workers_before"], more["workers"]) for _, _, _, more in await world.done()]
        # It may have grown in two steps; each begins where the one before ended.
        assert [after for _, after in sizes][-4:] == [3, 2, 1, 2]
        assert [before for before, _ in sizes] == [1, *(after for _, after in sizes[:-1])]


async def test_a_worker_that_comes_after_its_place_was_to_be_given_up_is_told_to_drain(
    database: Database, nats_server: TestNats, cluster: ApiServer, tmp_path: Path
) -> None:
    bounds = {"fleet_autoscale": True, "fleet_min_workers": 2, "fleet_max_workers": 3}
    async with a_world(database, nats_server, cluster, tmp_path, **bounds) as world:

        def refuse() -> None:
            cluster.before.append(refuse)
            raise Refused(503, "starting")

        # Nobody is known there, so the place is given up at once: the API server has it wait.
        cluster.before.append(refuse)
        await eventually(lambda: _means(world, "mews-worker-2"))
        worker = await world.start(2)
        assert (await worker.commanded()).action == "drain"
        cluster.before.clear()
        await world.becomes(2, "draining")
        await worker.beat(draining=True)
        await eventually(lambda: cluster.replicas == 2)
        told = await world.o.told("event.worker.commanded", at_least=1)
        assert [event.data["action"] for event in told] == ["drain"]
        ((what, who, whom, more),) = await world.done()
        assert (what, who, whom, more["reason"]) == (
            "worker.scaled",
            "orchestrator",
            "mews-worker-2",
            "fewer workers are needed",
        )
        assert (more["workers_before"], more["workers"]) == (3, 2)


async def test_what_a_scaled_away_worker_had_is_moved_once_it_is_neither_there_nor_heard(
    database: Database, nats_server: TestNats, cluster: ApiServer, tmp_path: Path
) -> None:
    cluster.resize(2)
    cluster.settle()
    more = {"offline_after_ms": 300, "lease_ms": 60_000}
    async with a_world(database, nats_server, cluster, tmp_path, **more) as world:
        worker = await world.start(1)
        task = await world.o.create(max_attempts=1)
        assignment = await worker.take()
        async with worker.alive() as named:
            named.append(assignment)
            # Somebody scales it away, and force-deletes the pod, though it runs on.
            cluster.resize(1)
            cluster.reap()
            cluster.seen.clear()
            await eventually(lambda: len(cluster.seen) > 6)
            assert (await world.o.task(task.task_id)).status == "assigned"
        await world.becomes(1, "offline", "its place in the fleet was given up")
        other = await world.start(0)
        assert (await other.take()).attempt == 2
        await other.beat()


async def test_an_outage_of_the_api_server_stops_nothing_and_ends_by_itself(
    database: Database, nats_server: TestNats, cluster: ApiServer, tmp_path: Path
) -> None:
    async with a_world(database, nats_server, cluster, tmp_path) as world:
        cluster.refusals.extend(Refused(503, "starting") for _ in range(5))
        worker = await world.start(2)
        await world.o.create()
        await worker.end(await worker.take())
        await world.command(2, action="restart")
        await eventually(lambda: not cluster.refusals)
        assert (await world.o.client.get("/readyz")).status_code == 200
        shown = await eventually(lambda: _unknown(world))
        assert (shown.replicas, shown.instances) == (None, [])
        await eventually(lambda: world.is_ending(2))


async def test_who_is_not_of_the_fleet_restarts_itself_and_cannot_be_drained_for_it(
    database: Database, nats_server: TestNats, cluster: ApiServer, tmp_path: Path
) -> None:
    async with a_world(database, nats_server, cluster, tmp_path) as world:
        worker = await world.o.worker("elsewhere")
        answer = await world.o.client.post("/v1/workers/elsewhere/commands", json={"action": "restart"})
        assert answer.status_code == 202
        assert (await worker.commanded()).action == "restart"
        answer = await world.o.client.post("/v1/workers/elsewhere/commands", json={"action": "restart", "drain": True})
        assert (answer.status_code, answer.json()["code"]) == (409, "no_fleet")
        answer = await world.o.client.post("/v1/workers/elsewhere/commands", json={"action": "pause", "drain": True})
        assert (answer.status_code, answer.json()["code"]) == (422, "drain_not_possible")
        assert await world.intentions() == []

"""Leaders that die in the middle of what they do with instances of workers: the next one finishes it, once."""

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator import app
from tests.support.apiserver import ApiServer, Refused, an_api_server
from tests.support.buskit import a_bus
from tests.support.fleet import HandWorker
from tests.support.orchestrating import Orchestra, Replica, replicas
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(400)

NAME = "mews-worker-{}"
LOOKS = 6
"""So many looks at the fleet, and whatever is to be done again would have been."""
FAST = {"fleet_tick_ms": 30, "fleet_scale_up_after_ms": 0, "fleet_scale_down_after_ms": 200, "lease_ms": 60_000}
TAKEOVER_S = 60.0


class Pair:
    """Two orchestrators that keep the fleet of one cluster, one of which leads."""

    def __init__(self, o: Orchestra, cluster: ApiServer, leader: Replica, standby: Replica) -> None:
        self.o = o
        self.cluster = cluster
        self.leader = leader
        self.standby = standby

    async def worker(self, place: int) -> HandWorker:
        """The worker-agent of a pod begins."""
        return await self.o.worker(NAME.format(place), slots=1)

    def leader_dies_at_the_next_write(self, *, happens: bool) -> None:
        """SIGKILL for the leader while the API server has its request, which is carried out or not."""

        def die() -> None:
            os.kill(self.leader.pid, signal.SIGKILL)
            if not happens:
                raise Refused(503, "nobody hears this")

        self.cluster.before.append(die)

    async def replaced(self) -> None:
        """The leader has died: the other leads, and what was the leader is started again and stands by."""
        await eventually(lambda: not self.cluster.before, TAKEOVER_S)
        await self.leader.kill()
        self.leader, self.standby = self.standby, self.leader
        self.o.client = self.leader.client
        await eventually(self._leads, TAKEOVER_S)
        await self.standby.start()

    def writes(self) -> list[tuple[str, str]]:
        """Method and last part of the path of each request that was to change something."""
        return [(method, path.rpartition("/")[2]) for method, path in self.cluster.seen if method != "GET"]

    def is_ending(self, place: int) -> bool:
        """Whether a pod is being deleted."""
        return "deletionTimestamp" in self.cluster.pods[NAME.format(place)]["metadata"]

    async def looked_often(self) -> None:
        """Wait until the leader has looked so often that it would have done more if it meant to."""
        seen = len(self.cluster.seen)
        await eventually(lambda: len(self.cluster.seen) >= seen + 2 * LOOKS)

    async def commands(self) -> list[tuple[str, str]]:
        """Which workers were told what, as it was written down."""
        events = await self.o.told("event.worker.commanded")
        return [(event.data["worker_id"], event.data["action"]) for event in events]

    async def nothing_meant(self) -> bool:
        """Whether nothing is to become of any worker."""
        return not await self.o.sql("SELECT FROM fleet_intentions")

    async def _leads(self) -> bool:
        return "mews_orchestrator_leads 1.0" in (await self.leader.client.get("/metrics")).text


@asynccontextmanager
async def a_pair(database: Database, nats: TestNats, folder: Path, **more: Any) -> AsyncGenerator[Pair]:
    async with an_api_server(replicas=3) as cluster, a_bus(nats) as bus:
        where = {"fleet": "kubernetes", "fleet_namespace": "mews", "fleet_kubeconfig": cluster.kubeconfig(folder)}
        async with replicas(database, nats, 2, **(FAST | where | more)) as (first, second):
            o = Orchestra(await first.start(), bus, database.dsn(app.SCHEMA))
            pair = Pair(o, cluster, first, second)
            # Whoever starts alone leads.
            await eventually(pair._leads, TAKEOVER_S)
            await second.start()
            yield pair


async def draining_until(worker: HandWorker, done: Any) -> None:
    """Heartbeats that say that the worker knows of its end, until something is done: whoever leads must hear one."""

    async def is_done() -> bool:
        await worker.beat(draining=True)
        return done()

    await eventually(is_done, TAKEOVER_S)


async def test_a_restart_that_its_leader_died_in_ends_the_pod_once_and_its_worker_works_again(
    database: Database, nats_server: TestNats, tmp_path: Path
) -> None:
    async with a_pair(database, nats_server, tmp_path) as pair:
        for place, happens in ((0, True), (1, False)):
            worker, before = await pair.worker(place), pair.cluster.uid(NAME.format(place))
            pair.leader_dies_at_the_next_write(happens=happens)
            # Through the one that stands by: a manager asks any.
            answer = await pair.standby.client.post(
                f"/v1/workers/{worker.worker_id}/commands", json={"action": "restart"}
            )
            assert answer.status_code == 202
            assert (await worker.commanded()).action == "drain"
            await draining_until(worker, lambda: not pair.cluster.before)
            await pair.replaced()
            await draining_until(worker, lambda place=place: pair.is_ending(place))
            await pair.looked_often()
            pair.cluster.settle()
            assert pair.cluster.uid(worker.worker_id) != before
            after = await pair.worker(place)
            assert (await after.commanded(lambda one: one.action != "drain")).action == "resume"
            await eventually(pair.nothing_meant)
            await pair.looked_often()
            assert not pair.is_ending(place)
        # What was refused was asked for again by the next leader, and by nobody else.
        assert pair.writes() == [("DELETE", NAME.format(place)) for place in (0, 1, 1)]
        assert await pair.commands() == [
            (NAME.format(place), action) for place in (0, 1) for action in ("restart", "resume")
        ]


async def test_a_place_whose_leader_died_in_the_drain_and_in_the_giving_up_is_given_up_once(
    database: Database, nats_server: TestNats, tmp_path: Path
) -> None:
    bounds = {"fleet_autoscale": True, "fleet_min_workers": 1, "fleet_max_workers": 3, "offline_after_ms": 60_000}
    async with a_pair(database, nats_server, tmp_path, **bounds) as pair:
        tasks = [await pair.o.create(max_attempts=1) for _ in range(3)]
        first, second, third = [await pair.worker(place) for place in range(3)]
        held = {worker.worker_id: await worker.take() for worker in (first, second, third)}
        for worker in (first, second):
            await worker.end(held[worker.worker_id])
        assert (await third.commanded()).action == "drain"
        await pair.leader.kill()
        await pair.replaced()

        # The last worker ends what it has, and its place is given up: the leader hears no answer to that.
        await third.end(held[third.worker_id])
        for worker, left, happens in ((third, 2, True), (second, 1, False)):
            pair.leader_dies_at_the_next_write(happens=happens)
            await draining_until(worker, lambda: not pair.cluster.before)
            await pair.replaced()
            await draining_until(worker, lambda left=left: pair.cluster.replicas == left)
            pair.cluster.settle()
            await pair.looked_often()
        assert (pair.cluster.replicas, pair.writes()) == (1, [("PATCH", "scale")] * 3)
        assert await pair.commands() == [(worker.worker_id, "drain") for worker in (third, second)]
        assert [(await pair.o.reaches(task.task_id, "completed")).attempt for task in tasks] == [1, 1, 1]

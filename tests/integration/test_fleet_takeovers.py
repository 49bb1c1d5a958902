"""Leaders that die in the middle of what they do with instances of workers: the next one finishes it, once."""

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator import app
from tests.support.apiserver import ApiServer, an_api_server
from tests.support.buskit import a_bus
from tests.support.fleet import HandWorker
from tests.support.orchestrating import Orchestra, Replica, replicas
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(400)

NAME = "mews-worker-{}"
LOOKS = 6
"""So many looks at the fleet, and whatever is to be done again would have been."""
QUICK = {"fleet_tick_ms": 100, "fleet_scale_up_after_ms": 0, "fleet_scale_down_after_ms": 200, "lease_ms": 60_000}
TAKEOVER_S = 60.0


class Pair:
    """Two orchestrators that keep the fleet of one cluster, one of which leads."""

    def __init__(self, o: Orchestra, cluster: ApiServer, leader: Replica, standby: Replica) -> None:
        self.o = o
        self.cluster = cluster
        self.leader = leader
        self.standby = standby
        self.reign = 1

    async def worker(self, place: int) -> HandWorker:
        """The worker-agent of a pod begins."""
        return await self.o.worker(NAME.format(place), slots=1)

    def leader_dies_at_the_next_write(self) -> None:
        """SIGKILL for the leader when the API server has its request: that is carried out, and nobody hears of it."""
        self.cluster.before.append(lambda: os.kill(self.leader.pid, signal.SIGKILL))

    async def taken_over(self) -> None:
        """Wait until the leader is dead, and the other leads."""
        await eventually(lambda: not self.cluster.before, TAKEOVER_S)
        await self.leader.kill()

        async def another_reigns() -> int | None:
            epoch = (await self.o.sql("SELECT epoch FROM leader_lease"))[0]["epoch"]
            return epoch if epoch > self.reign else None

        self.reign = await eventually(another_reigns, TAKEOVER_S) or 0
        self.leader, self.standby = self.standby, self.leader
        self.o.client = self.leader.client

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
        return [(str(event.data["worker_id"]), str(event.data["action"])) for event in events]

    async def done(self) -> list[tuple[str | None, Any, Any]]:
        """What was told of the fleet's doings: about which worker, its instance, and the size."""
        told = await self.o.told_of_fleet()
        return [(event.worker_id, event.data.get("instance"), event.data.get("workers")) for event in told]

    async def nothing_meant(self) -> bool:
        """Whether nothing is to become of any worker."""
        return not await self.o.sql("SELECT FROM fleet_intentions")


@asynccontextmanager
async def a_pair(database: Database, nats: TestNats, folder: Path, places: int, **more: Any) -> AsyncGenerator[Pair]:
    async with an_api_server(replicas=places) as cluster, a_bus(nats) as bus:
        where = {"fleet": "kubernetes", "fleet_namespace": "mews", "fleet_kubeconfig": cluster.kubeconfig(folder)}
        async with replicas(database, nats, 2, **(QUICK | where | more)) as (first, second):
            o = Orchestra(await first.start(), bus, database.dsn(app.SCHEMA))

            async def leads() -> bool:
                return bool(await o.sql("SELECT FROM leader_lease"))

            # Whoever starts alone leads.
            await eventually(leads)
            await second.start()
            yield Pair(o, cluster, first, second)


async def draining_until(worker: HandWorker, done: Any) -> None:
    """Heartbeats that say that the worker knows of its end, until something is done: whoever leads must hear one."""

    async def is_done() -> bool:
        await worker.beat(draining=True)
        return done()

    await eventually(is_done, TAKEOVER_S)


async def test_a_restart_that_its_leader_died_in_ends_the_pod_once_and_its_worker_works_again(
    database: Database, nats_server: TestNats, tmp_path: Path
) -> None:
    async with a_pair(database, nats_server, tmp_path, places=2) as pair:
        worker, before = await pair.worker(1), pair.cluster.uid(NAME.format(1))
        pair.leader_dies_at_the_next_write()
        # Through the one that stands by: a manager asks any.
        sent = await pair.standby.client.post(f"/v1/workers/{worker.worker_id}/commands", json={"action": "restart"})
        assert sent.status_code == 202
        assert (await worker.commanded()).action == "drain"
        await draining_until(worker, lambda: not pair.cluster.before)
        await pair.taken_over()
        await draining_until(worker, lambda: pair.is_ending(1))
        await pair.looked_often()

        pair.cluster.settle()
        assert pair.cluster.uid(worker.worker_id) != before
        again = await pair.worker(1)
        assert (await again.commanded(lambda one: one.action != "drain")).action == "resume"
        await eventually(pair.nothing_meant)
        await pair.looked_often()
        assert (pair.writes(), pair.is_ending(1)) == ([("DELETE", worker.worker_id)], False)
        assert await pair.commands() == [(worker.worker_id, "restart"), (worker.worker_id, "resume")]
        assert await pair.done() == [(worker.worker_id, before, None)]


async def test_a_place_whose_leaders_died_in_its_drain_and_in_giving_it_up_is_given_up_once(
    database: Database, nats_server: TestNats, tmp_path: Path
) -> None:
    bounds = {"fleet_autoscale": True, "fleet_min_workers": 1, "fleet_max_workers": 2, "offline_after_ms": 60_000}
    async with a_pair(database, nats_server, tmp_path, places=1, **bounds) as pair:
        first = await pair.worker(0)
        tasks = [await pair.o.create(max_attempts=1) for _ in range(2)]
        await eventually(lambda: pair.cluster.replicas == 2)
        pair.cluster.settle()
        second = await pair.worker(1)
        uid = pair.cluster.uid(second.worker_id)
        held = [await worker.take() for worker in (first, second)]
        await first.end(held[0])
        assert (await second.commanded()).action == "drain"
        await pair.taken_over()
        await pair.standby.start()

        # The last worker ends what it has, and its place is given up: its leader hears no answer to that.
        pair.leader_dies_at_the_next_write()
        await second.end(held[1])
        await draining_until(second, lambda: not pair.cluster.before)
        await pair.taken_over()
        pair.cluster.settle()
        await pair.looked_often()
        # To be two, and to be one.
        assert (pair.cluster.replicas, pair.writes()) == (1, [("PATCH", "scale")] * 2)
        assert await pair.commands() == [(second.worker_id, "drain")]
        assert await pair.done() == [(None, None, 2), (second.worker_id, uid, 1)]
        assert [(await pair.o.reaches(task.task_id, "completed")).attempt for task in tasks] == [1, 1]

"""Several orchestrators, and orchestrators that die or freeze at the worst moment."""

from contracts.tasks import TaskView
from orchestrator import app
from tests.support.buskit import a_bus
from tests.support.orchestrating import Orchestra, Replica, frozen, orchestra, replicas, settings_for
from tests.support.running import running_service
from tests.support.stack import Database, TestNats, TestPostgres
from tests.support.waiting import eventually

# These workers send no heartbeats, and a process may take long to start.
SILENT = {"lease_ms": 120_000, "offline_after_ms": 120_000}


async def test_one_of_two_replicas_leads_and_the_other_wakes_it(database: Database, nats_server: TestNats) -> None:
    # With ticks this long, only a wake-up can bring the task to its worker in time.
    slow = {"schedule_tick_ms": 60_000}
    async with (
        orchestra(database, nats_server, **slow) as first,
        running_service(
            app.create_app, settings_for(database, nats_server, **slow), app.MIGRATIONS, app.SCHEMA
        ) as second,
    ):
        worker = await first.worker()
        for client in (first.client, second, first.client, second):
            task = TaskView.model_validate_json((await client.post("/v1/tasks", json={"description": "x"})).content)
            await worker.end(await worker.take())
            await first.reaches(task.task_id, "completed")
        epochs = await first.sql("SELECT DISTINCT epoch FROM attempts")
        assert [row["epoch"] for row in epochs] == [1]


async def test_another_replica_takes_over_when_the_leader_is_killed(database: Database, nats_server: TestNats) -> None:
    async with (
        a_bus(nats_server) as bus,
        replicas(database, nats_server, 2, leader_lease_ms=600, **SILENT) as (first, second),
    ):
        o = Orchestra(await first.start(), bus, database.dsn(app.SCHEMA))
        worker = await o.worker()
        held = await o.create("begun under the first")
        assignment = await worker.take()
        o = Orchestra(await second.start(), bus, database.dsn(app.SCHEMA))
        await first.kill()

        task = await o.create("after the death of the first")
        assert (await worker.take()).task_id == task.task_id
        rows = await o.sql("SELECT task_id, epoch FROM attempts ORDER BY epoch")
        assert [(row["task_id"], row["epoch"]) for row in rows] == [(held.task_id, 1), (task.task_id, 2)]
        await worker.end(assignment)
        assert (await o.reaches(held.task_id, "completed")).attempt == 1


async def test_a_leader_that_freezes_and_wakes_up_does_no_harm(database: Database, nats_server: TestNats) -> None:
    async with (
        a_bus(nats_server) as bus,
        replicas(database, nats_server, 2, leader_lease_ms=600, **SILENT) as (first, second),
    ):
        o = Orchestra(await first.start(), bus, database.dsn(app.SCHEMA))
        worker = await o.worker(slots=1)
        held = await o.create("begun under the first")
        await worker.take()
        successor = await second.start()
        with frozen(first.pid):
            o = Orchestra(successor, bus, database.dsn(app.SCHEMA))
            waiting = await o.create("queued under the second")

            async def reigns() -> bool:
                return (await o.sql("SELECT epoch FROM leader_lease"))[0]["epoch"] == 2

            await eventually(reigns)
        assert (await first.client.post("/v1/tasks", json={"description": "through the first"})).status_code == 201
        await worker.end(worker.held[0])
        assert (await worker.take()).task_id == waiting.task_id
        rows = await o.sql("SELECT task_id, state, epoch FROM attempts ORDER BY epoch, assigned_at")
        assert [(row["task_id"], row["epoch"]) for row in rows] == [(held.task_id, 1), (waiting.task_id, 2)]


async def test_an_assignment_that_was_committed_and_never_published_reaches_its_worker(
    database: Database, nats_server: TestNats
) -> None:
    async with (
        a_bus(nats_server) as bus,
        replicas(database, nats_server, 2, leader_lease_ms=600, **SILENT) as (doomed, heir),
    ):
        o = Orchestra(await doomed.start(), bus, database.dsn(app.SCHEMA))
        worker = await o.worker()
        with frozen(nats_server.info.pid or 0):
            task = await o.create()

            async def committed() -> bool:
                return bool(await o.sql("SELECT FROM attempts WHERE published_at IS NULL"))

            await eventually(committed)
            await doomed.kill()
            # Whatever the dead process had sent dies with the broker's sockets.
            nats_server.kill()
        nats_server.start()
        o = Orchestra(await heir.start(), bus, database.dsn(app.SCHEMA))
        assignment = await worker.take()
        assert (assignment.task_id, assignment.attempt) == (task.task_id, 1)
        assert await worker.has_nothing()
        await worker.end(assignment)
        await o.reaches(task.task_id, "completed")


async def test_a_process_that_is_told_to_stop_lets_another_lead_at_once(
    database: Database, nats_server: TestNats
) -> None:
    long = {"leader_lease_ms": 60_000}
    async with orchestra(database, nats_server, **long) as first:
        await first.worker()
    async with orchestra(database, nats_server, **long) as second:
        worker = await second.worker()
        task = await second.create()
        assert (await worker.take()).task_id == task.task_id


async def test_the_program_says_what_it_can_do(database: Database, nats_server: TestNats) -> None:
    async with replicas(database, nats_server, 1) as (only,):
        assert isinstance(only, Replica)
        client = await only.start()
        assert (await client.get("/readyz")).json()["checks"] == {"schema": "ok", "bus": "ok", "loops": "ok"}
        metrics = (await client.get("/metrics")).text
        assert "mews_orchestrator_leads 1.0" in metrics


async def test_work_goes_on_after_the_database_was_away(
    postgres: TestPostgres, database: Database, nats_server: TestNats
) -> None:
    async with orchestra(database, nats_server, **SILENT) as o:
        worker = await o.worker()
        begun = await o.create("begun before")
        assignment = await worker.take()
        postgres.stop()
        try:
            answer = await o.client.post("/v1/tasks", json={"description": "meanwhile"})
            assert (answer.status_code, answer.json()["code"]) == (503, "backend_unavailable")
            await worker.end(assignment)
        finally:
            postgres.start()
        assert (await o.reaches(begun.task_id, "completed", within=30)).attempt == 1
        task = await o.create("after")
        assert (await worker.take()).task_id == task.task_id
        assert (await o.client.get("/readyz")).status_code == 200

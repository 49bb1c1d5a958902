"""A worker that has its own valid credentials and tries everything: it gets its own, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import nats.errors
import pytest
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from contracts import permissions, streams, subjects
from contracts.rpc import RPCS
from contracts.streams import ARTIFACTS, CHECKPOINTS
from devstack.bus.pushing import push
from servicekit.bus import Bus, Outgoing, declare_streams, ensure_worker_consumers, publish_batches
from servicekit.bus.client import LastingClient
from servicekit.bus.objects import Objects
from servicekit.bus.rpc import call, serve
from servicekit.clock import SystemClock
from tests.support.buskit import batch
from tests.support.confined import ConfinedNats, RawClient, confined_nats, raw_client, service_bus, worker_bus
from tests.support.stack import run
from tests.support.waiting import eventually

A, B = "worker-a", "worker-b"
STREAM_VERBS = (
    "CREATE",
    "UPDATE",
    "DELETE",
    "PURGE",
    "INFO",
    "MSG.GET",
    "MSG.DELETE",
    "SNAPSHOT",
    "RESTORE",
    "LEADER.STEPDOWN",
)
CONSUMER_VERBS = (
    "CREATE",
    "DURABLE.CREATE",
    "DELETE",
    "INFO",
    "PAUSE",
    "UNPIN",
    "RESET",
    "LEADER.STEPDOWN",
    "MSG.NEXT",
)
NAMES = [*(stream.name for stream in streams.STREAMS), *(bucket.stream for bucket in streams.BUCKETS)]


def subjects_of_others() -> list[str]:
    """Everything that somebody but worker A says or asks, made concrete."""
    of_b = [one.subject for one in permissions.services_for(B)]
    of_services = [subject for name in permissions.SERVICES for subject in permissions.rights_of_service(name).publish]
    return [_concrete(subject) for subject in (*of_b, *of_services)]


def subjects_of_the_api() -> list[str]:
    """What JetStream can be asked for, about everything there is; worker A's own pulls left out."""
    durables = [(stream.name, durable.name) for stream in streams.STREAMS for durable in stream.durables]
    mailboxes = [(stream, worker) for stream in (streams.TASKS, streams.COMMANDS) for worker in (A, B)]
    asked = [f"$JS.API.STREAM.{verb}.{name}" for verb in STREAM_VERBS for name in NAMES]
    asked += [f"$JS.API.CONSUMER.{verb}.{s}.{d}" for verb in CONSUMER_VERBS for s, d in (*durables, *mailboxes)]
    asked += [f"$JS.API.CONSUMER.CREATE.{name}" for name in NAMES]
    asked += [f"$JS.API.CONSUMER.CREATE.{s}.{w}.{subjects.task(B)}" for s, w in mailboxes]
    asked += [f"$JS.API.CONSUMER.CREATE.TASKS.{A}.{subjects.task(A)}", f"$JS.API.CONSUMER.CREATE.COMMANDS.{A}.>"]
    asked += [f"$JS.API.DIRECT.GET.{name}" for name in NAMES]
    asked += [f"$JS.ACK.{s}.{d}.1.1.1.1.0" for s, d in (*durables, (streams.TASKS, B), (streams.COMMANDS, B))]
    asked += ["$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.STREAM.NAMES", "$JS.API.META.LEADER.STEPDOWN"]
    own = {one.subject for one in permissions.services_for(A)}
    return [subject for subject in asked if subject not in own]


OTHER = [
    subjects.task(A),
    subjects.command(A),
    subjects.answer(A),
    subjects.REGISTERED,
    "event.task.completed",
    "$SYS.REQ.CLAIMS.UPDATE",
    "$SYS.REQ.SERVER.PING",
    "$SYS.ACCOUNT.X.CONNECT",
    "$SRV.PING",
    "_R_.x.y",
    f"{subjects.worker_inbox(B)}.x",
    f"{subjects.service_inbox('orchestrator')}.x",
    "anything",
]
LISTENED = [
    ">",
    "*",
    "*.>",
    "$JS.>",
    "$SYS.>",
    "_INBOX.>",
    "_INBOX.worker.>",
    "_INBOX.worker.*.>",
    "_R_.>",
    "$O.>",
    "$SRV.>",
    "worker.>",
    "manager.>",
    "event.>",
    f"{subjects.worker_inbox(B)}.>",
    f"{subjects.service_inbox('orchestrator')}.>",
    subjects.task(A),
    *(subject for stream in streams.STREAMS for subject in stream.subjects),
    *(subjects.rpc(rpc.service, verb, "*") for verb, rpc in RPCS.items()),
]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConfinedNats]:
    made = confined_nats(tmp_path_factory.mktemp("confined"))
    run(_declare(made))
    yield made
    made.server.stop()


@pytest.fixture(scope="module")
def credentials(broker: ConfinedNats) -> dict[str, Path]:
    return {A: broker.worker(A), B: broker.worker(B), "watcher": broker.watcher()}


@pytest.fixture
async def hostile(broker: ConfinedNats, credentials: dict[str, Path]) -> AsyncIterator[RawClient]:
    async with raw_client(broker, credentials[A], subjects.worker_inbox(A)) as client:
        yield client


@pytest.fixture
async def watcher(broker: ConfinedNats, credentials: dict[str, Path]) -> AsyncIterator[Bus]:
    async with service_bus(broker, "watcher", credentials["watcher"]) as bus:
        yield bus


async def test_it_can_say_all_that_is_its_own(broker: ConfinedNats, credentials: dict[str, Path], watcher: Bus) -> None:
    heard: list[str] = []
    repeated: list[str] = []
    await watcher.subscribe_core(subjects.HEARTBEATS, _into(heard))
    await watcher.subscribe_core(subjects.REGISTERED, _into(repeated))
    await watcher.flush()
    async with worker_bus(broker, A, credentials[A]) as bus:
        said = [_concrete(subject) for subject in subjects.reports_of(A)]
        assert all(await publish_batches(bus, [Outgoing(subject, subject, b"{}") for subject in said]))
        await bus.publish_core(subjects.heartbeat(A), b"{}")
        await eventually(lambda: heard == [subjects.heartbeat(A)])
        await eventually(lambda: repeated == [subjects.REGISTERED])


async def test_it_takes_its_own_tasks_and_is_answered(
    broker: ConfinedNats, credentials: dict[str, Path], watcher: Bus
) -> None:
    async def answer(worker_id: str, _payload: bytes) -> bytes:
        return worker_id.encode()

    async with service_bus(broker, "orchestrator", broker.service("orchestrator")) as orchestrator:
        await serve(orchestrator, "orchestrator", {"get_task": answer})
        assert all(await publish_batches(orchestrator, [Outgoing(subjects.task(w), w, w.encode()) for w in (A, B)]))
        async with worker_bus(broker, A, credentials[A]) as bus:
            assert await call(bus, subjects.rpc("orchestrator", "get_task", A), b"{}") == A.encode()
            inbox = await bus.nc.subscribe(bus.nc.new_inbox())
            await bus.nc.publish(f"$JS.API.CONSUMER.MSG.NEXT.TASKS.{A}", b"1", inbox.subject)
            message = await inbox.next_msg(5)
            assert (message.subject, message.data) == (subjects.task(A), A.encode())
            await bus.publish_empty([message.reply])
            await bus.flush()
    await eventually(lambda: _left(watcher, streams.TASKS, 1))


async def test_it_keeps_objects_that_others_neither_read_nor_replace(
    broker: ConfinedNats, credentials: dict[str, Path]
) -> None:
    async with worker_bus(broker, A, credentials[A]) as a, worker_bus(broker, B, credentials[B]) as b:
        for bucket in streams.BUCKETS:
            await Objects(b).put(bucket, B, "k", b"of b", "text/plain")
            await Objects(a).put(bucket, A, "k", b"of a" * 100_000, "text/plain")
            assert await Objects(a).get(bucket, A, "k") == b"of a" * 100_000
            assert await Objects(b).get(bucket, B, "k") == b"of b"
            for lies in (subjects.object_meta(bucket.name, B, "k"), subjects.object_chunk(bucket.name, B, "k", 0, 0)):
                assert not any(await publish_batches(a, [Outgoing(lies, "x", b"")], ack_timeout_s=0.2))
                with pytest.raises(nats.errors.TimeoutError):
                    await a.request(f"$JS.API.DIRECT.GET.{bucket.stream}.{lies}", b"", 0.2)
            assert await Objects(b).get(bucket, B, "k") == b"of b"


async def test_everything_that_is_not_its_own_is_refused(
    broker: ConfinedNats, hostile: RawClient, watcher: Bus
) -> None:
    before = await _messages(watcher)
    tried = [*subjects_of_others(), *subjects_of_the_api(), *OTHER]
    let_through = [subject for subject in tried if not await hostile.refusals_of_publishing(subject)]
    assert let_through == []
    assert len(tried) > 250
    assert await _messages(watcher) == before
    # Where the log says nothing of violations, as every end-to-end test asks, nobody lacked a right.
    assert "Publish Violation" in broker.server.log.read_text()


@pytest.mark.parametrize("pattern", LISTENED)
async def test_it_hears_only_its_own_inbox(hostile: RawClient, pattern: str) -> None:
    assert await hostile.refusals_of_subscribing(pattern)


async def test_nobody_can_be_made_to_speak_for_it(hostile: RawClient, watcher: Bus) -> None:
    """NATS does not ask whether one may publish where one wants the answer: it must lead nowhere."""
    forged, lies = batch(1, worker_id=B).to_json(), subjects.object_chunk(ARTIFACTS.name, A, "forged", 0, 0)
    await hostile.nc.request(lies, forged)
    targets = [
        f"worker.progress.{B}",
        subjects.end_session(B),
        subjects.command(B),
        subjects.task(A),
        "event.task.completed",
        f"{subjects.worker_inbox(B)}.x",
        "$JS.API.STREAM.PURGE.TELEMETRY",
        f"$JS.API.CONSUMER.MSG.NEXT.TASKS.{B}",
    ]
    heard: list[str] = []
    await watcher.subscribe_core(">", _into(heard))
    await watcher.flush()
    before = await _messages(watcher)
    deputies = [f"worker.progress.{A}", f"$JS.API.DIRECT.GET.{ARTIFACTS.stream}.{lies}", lies]
    for target in targets:
        for deputy in deputies:
            await hostile.nc.publish(deputy, forged, reply=target)
    # What was asked before has been answered by the time that this is.
    assert (await hostile.nc.request(f"$JS.API.DIRECT.GET.{ARTIFACTS.stream}.{lies}", b"")).data == forged
    await watcher.flush()
    assert not {subject for subject in heard if subject in targets}
    after = await _messages(watcher)
    assert after["TELEMETRY"] == before["TELEMETRY"] + len(targets)
    assert {name: count for name, count in after.items() if name != "TELEMETRY"} == {
        name: count for name, count in before.items() if name != "TELEMETRY"
    }
    with pytest.raises(NotFoundError):
        await watcher.js.get_last_msg("TELEMETRY", f"worker.progress.{B}")


async def test_a_roll_up_does_not_empty_the_bucket_of_all(
    broker: ConfinedNats, credentials: dict[str, Path], hostile: RawClient
) -> None:
    async with worker_bus(broker, B, credentials[B]) as b:
        await Objects(b).put(CHECKPOINTS, B, "kept", b"of b", "text/plain")
        lies = subjects.object_meta(CHECKPOINTS.name, A, "x")
        for how in ("all", "sub"):
            answer = await hostile.nc.request(lies, b"", headers={"Nats-Rollup": how})
            assert b"rollup not permitted" in answer.data
        assert await Objects(b).get(CHECKPOINTS, B, "kept") == b"of b"


async def test_a_credential_that_has_expired_lets_nobody_in(broker: ConfinedNats) -> None:
    expired = broker.worker("worker-x", timedelta(minutes=1), SystemClock().now() - timedelta(hours=1))
    async with worker_bus(broker, "worker-x", expired) as bus:
        assert not bus.connected
    short = broker.worker("worker-x", timedelta(seconds=2))
    async with worker_bus(broker, "worker-x", short) as bus:
        assert bus.connected
        await eventually(lambda: not bus.connected)


async def test_a_revoked_credential_is_thrown_out_and_the_one_that_replaced_it_goes_on(broker: ConfinedNats) -> None:
    old, new = broker.worker("worker-r"), broker.worker("worker-r")
    mounted = broker.folder / "mounted.creds"
    mounted.write_text(old.read_text())
    async with worker_bus(broker, "worker-r", mounted) as rotated, worker_bus(broker, "worker-r", old) as stolen:
        assert (rotated.connected, stolen.connected) == (True, True)
        mounted.write_text(new.read_text())
        now = SystemClock().now()
        first = broker.authority.members["worker"]["worker-r"].issued[0].key
        assert broker.authority.revoke("worker", "worker-r", first, now) == [first]
        await push(broker.settings(old), broker.authority.for_servers(now), broker.authority.account_tokens())
        await eventually(lambda: rotated.connections == 2 and rotated.connected)
        await eventually(lambda: not stolen.connected)
        assert all(await publish_batches(rotated, [Outgoing("worker.plan.worker-r", "1", b"{}")]))


async def test_one_credential_cannot_use_up_the_connections_of_all(broker: ConfinedNats) -> None:
    file = broker.worker("worker-many")
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_connect(broker, file)) for _ in range(8)]
    clients = [task.result() for task in tasks]
    try:
        assert sum(client.is_connected for client in clients) <= 4
    finally:
        for client in clients:
            await client.close()


async def _connect(broker: ConfinedNats, file: Path) -> LastingClient:
    """A client that tries once."""
    client = LastingClient()
    with suppress(nats.errors.Error, OSError):
        await client.connect(broker.server.url, user_credentials=str(file), allow_reconnect=False, connect_timeout=5)
    return client


async def _declare(broker: ConfinedNats) -> None:
    async with service_bus(broker, "orchestrator", broker.service("orchestrator")) as bus:
        await declare_streams(bus.js)
        for worker in (A, B):
            await ensure_worker_consumers(bus.js, worker)


async def _messages(watcher: Bus) -> dict[str, int]:
    return {name: (await watcher.js.stream_info(name)).state.messages for name in NAMES}


async def _left(watcher: Bus, stream: str, wanted: int) -> bool:
    return (await watcher.js.stream_info(stream)).state.messages == wanted


def _concrete(subject: str) -> str:
    """A subject that a pattern fits."""
    return ".".join("x" if token in ("*", ">") else token for token in subject.split("."))


def _into(heard: list[str]) -> Callable[[Msg], Awaitable[None]]:
    async def hear(message: Msg) -> None:
        heard.append(message.subject)

    return hear

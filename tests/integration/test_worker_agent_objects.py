"""Artifacts and checkpoints: what outlives the workspace, and the worker."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from contracts.streams import ARTIFACTS, BUCKETS, CHECKPOINTS
from servicekit.bus import Bus
from tests.support.buskit import settings_of
from tests.support.other_side import WORKER, OtherSide, declare, other_side
from tests.support.sandbox import SandboxServer, running_sandbox
from tests.support.stack import TestNats, run
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, agent_client, journal_of, worker_process
from worker_agent.errors import ObjectsUnavailable
from worker_agent.objects import JetStreamObjects

MB = 1024 * 1024
SECRET = "s3cr3t-value-of-the-task"
SETUP = (
    "mkdir -p out/deep; echo hello > out/a.txt; ln -s a.txt out/link; "
    "echo '#!/bin/sh' > out/deep/run.sh; chmod +x out/deep/run.sh"
)
WAIT = f"{SETUP}; echo up; sleep 600"


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, nats: TestNats, sandbox: SandboxServer) -> Iterator[WorkerProcess]:
    env = {"MAX_CONCURRENT_TASKS": "30", "MAX_ARTIFACT_MB": "1", "ARTIFACT_QUOTA_MB": "2", "MAX_CHECKPOINT_MB": "2"}
    with worker_process(tmp_path_factory.mktemp("worker"), nats, sandbox, **env) as made:
        run(made.ready())
        yield made


@pytest.fixture
async def objects(nats: TestNats) -> AsyncIterator[JetStreamObjects]:
    bus = await Bus.connect(settings_of(nats), "test")
    yield JetStreamObjects(bus, WORKER)
    await bus.close()


async def up(side: OtherSide, task: str, attempt: int = 1, worker_id: str = WORKER, command: str = WAIT) -> None:
    """An attempt whose agent has made its files."""
    await side.assign(task, attempt, worker_id, agent="command", command=command, env={"TOKEN": SECRET})
    await side.first("stream", task)


async def call(worker: WorkerProcess, task: str, tool: str, /, attempt: int = 1, **arguments: Any) -> Any:
    async with agent_client(worker, task, attempt=attempt) as client:
        return await client.call_tool(tool, arguments)


def text(result: Any) -> str:
    return result.content[0].text


async def test_a_file_is_kept_and_the_event_says_where(
    worker: WorkerProcess, side: OtherSide, objects: JetStreamObjects
) -> None:
    await up(side, "task-file")
    result = await call(worker, "task-file", "publish_artifact", name="a.txt", path="out/a.txt", description="it")
    assert not result.is_error, text(result)
    said = result.structured_content
    event = await side.event(said["event_id"])
    assert (event.kind, event.body.name, event.body.content, event.body.path) == (
        "artifact",
        "a.txt",
        None,
        "out/a.txt",
    )
    assert event.body.media_type == event.stored.media_type == said["media_type"] == "text/plain"
    assert event.stored.key == said["key"] == "task-file/1/a.txt"
    content = await objects.get(ARTIFACTS.name, said["key"])
    assert content == b"hello\n"
    assert event.stored.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert event.stored.size_bytes == len(content)


async def test_the_same_name_again_is_a_new_version_with_an_event_of_its_own(
    worker: WorkerProcess, side: OtherSide, objects: JetStreamObjects
) -> None:
    await up(side, "task-again")
    results = [
        await call(worker, "task-again", "publish_artifact", name="r.html", content=f"<p>{number}</p>")
        for number in (1, 2)
    ]
    keys = {result.structured_content["key"] for result in results}
    assert keys == {"task-again/1/r.html"}
    assert await objects.get(ARTIFACTS.name, keys.pop()) == b"<p>2</p>"
    events = [await side.event(result.structured_content["event_id"]) for result in results]
    assert len({event.stored.digest for event in events}) == 2
    assert {event.stored.media_type for event in events} == {"text/html"}


async def test_secrets_are_masked_in_texts_and_bytes_are_kept_as_they_are(
    worker: WorkerProcess, side: OtherSide, objects: JetStreamObjects
) -> None:
    write = "printf 'x\\377%s' \"$TOKEN\" > bytes; printf 'x%s' \"$TOKEN\" > text"
    await up(side, "task-secret", command=f"{write}; {WAIT}")
    kept: dict[str, bytes | None] = {}
    for name in ("bytes", "text"):
        result = await call(worker, "task-secret", "publish_artifact", name=name, path=name)
        kept[name] = await objects.get(ARTIFACTS.name, result.structured_content["key"])
    inline = await call(worker, "task-secret", "publish_artifact", name="inline", content=f"key={SECRET}")
    assert await objects.get(ARTIFACTS.name, inline.structured_content["key"]) == b"key=********"
    assert kept == {"bytes": b"x\xff" + SECRET.encode(), "text": b"x********"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ({}, "object_refused", "exactly one of path"),
        ({"path": "out/a.txt", "content": "x"}, "object_refused", "exactly one of path"),
        ({"path": "big"}, "object_refused", "larger than the 1 MB"),
        ({"path": "/etc/passwd"}, "sandbox_refused", "absolute"),
        ({"path": "../x"}, "sandbox_refused", "'..'"),
        ({"path": "leak"}, "sandbox_refused", "leak"),
        ({"path": "nothing"}, "sandbox_refused", "nothing"),
        ({"path": "out"}, "sandbox_refused", "regular file"),
        ({"content": "x", "task_id": "task-other"}, "wrong_task", "task-other"),
    ],
)
async def test_what_cannot_be_published_is_refused_with_the_reason(
    worker: WorkerProcess, side: OtherSide, arguments: dict[str, Any], code: str, words: str
) -> None:
    if not journal_of(worker, "task-no"):
        setup = f"ln -s /etc/passwd leak; head -c {MB + 1} /dev/zero > big; {WAIT}"
        await up(side, "task-no", command=setup)
    given: dict[str, Any] = {"name": "x", **arguments}
    result = await call(worker, "task-no", "publish_artifact", **given)
    assert result.is_error
    assert f"[{code}]" in text(result)
    assert words in text(result)


async def test_the_quota_of_an_attempt_is_held_and_replacing_counts_once(
    worker: WorkerProcess, side: OtherSide
) -> None:
    await up(side, "task-quota", command=f"head -c {MB * 3 // 4} /dev/urandom > part; {WAIT}")
    names = ("one", "two", "two", "three")
    results = [await call(worker, "task-quota", "publish_artifact", name=name, path="part") for name in names]
    assert [bool(result.is_error) for result in results] == [False, False, False, True]
    assert "[quota_exceeded]" in text(results[-1])
    assert "2.2 MB of 2" in text(results[-1])


async def test_calls_at_the_same_time_do_not_pass_the_quota_together(worker: WorkerProcess, side: OtherSide) -> None:
    await up(side, "task-race", command=f"head -c {MB * 3 // 4} /dev/urandom > part; {WAIT}")
    async with agent_client(worker, "task-race") as client:
        results = await asyncio.gather(
            *(client.call_tool("publish_artifact", {"name": f"n{number}", "path": "part"}) for number in range(4))
        )
    assert sum(1 for result in results if not result.is_error) == 2


async def test_what_an_attempt_saved_is_there_for_the_next_one_on_another_worker(
    worker: WorkerProcess, side: OtherSide, nats: TestNats, tmp_path: Path
) -> None:
    await up(side, "task-move")
    saved = await call(
        worker,
        "task-move",
        "save_checkpoint",
        data={"done": ["parse"], "token": SECRET},
        paths=["out", "out/a.txt"],
        description="half way",
    )
    assert not saved.is_error, text(saved)
    assert saved.structured_content["files"] == 2
    assert saved.structured_content["left_out"] == ["out/link"]
    event = await side.event(saved.structured_content["event_id"])
    assert (event.kind, event.body.data, event.stored.key) == ("checkpoint", {}, "task-move/1/latest")
    with ExitStack() as stack:
        sandbox = stack.enter_context(running_sandbox())
        second = stack.enter_context(worker_process(tmp_path, nats, sandbox, WORKER_ID="worker-2"))
        await second.ready()
        await side.assign("task-move", 2, "worker-2", agent="command", command="echo second; sleep 600")
        loaded = await call(second, "task-move", "load_checkpoint", attempt=2)
        assert not loaded.is_error, text(loaded)
        said = loaded.structured_content
        assert (said["found"], said["attempt"], said["description"]) == (True, 1, "half way")
        assert said["data"] == {"done": ["parse"], "token": "********"}
        assert sorted(said["restored"]) == ["out/a.txt", "out/deep/run.sh"]
        tree = next((sandbox.root / "task-move.2").rglob("out"))
        assert (tree / "a.txt").read_text() == "hello\n"
        assert os.access(tree / "deep" / "run.sh", os.X_OK)
        await call(second, "task-move", "save_checkpoint", attempt=2, data={"by": 2})
        assert (await call(second, "task-move", "load_checkpoint", attempt=2)).structured_content["data"] == {"by": 2}


async def test_an_older_attempt_does_not_replace_what_a_newer_one_saved(
    worker: WorkerProcess, side: OtherSide, objects: JetStreamObjects
) -> None:
    await up(side, "task-old")
    await call(worker, "task-old", "save_checkpoint", data={"by": 1})
    newer = await objects.get(CHECKPOINTS.name, "task-old/2/latest")
    assert newer is None
    assert (await call(worker, "task-old", "load_checkpoint")).structured_content["data"] == {"by": 1}


async def test_that_there_is_no_checkpoint_is_an_answer(worker: WorkerProcess, side: OtherSide) -> None:
    await up(side, "task-none")
    result = await call(worker, "task-none", "load_checkpoint", name="other")
    assert not result.is_error
    assert result.structured_content == {"found": False, "name": "other"}
    assert "no checkpoint 'other'" in text(result)


async def test_data_can_be_loaded_without_touching_the_files(
    worker: WorkerProcess, side: OtherSide, sandbox: SandboxServer
) -> None:
    await up(side, "task-data")
    await call(worker, "task-data", "save_checkpoint", name="n", paths=["out/a.txt"])
    found = next((sandbox.root / "task-data.1").rglob("a.txt"))
    found.write_text("changed")
    result = await call(worker, "task-data", "load_checkpoint", name="n", restore_files=False)
    assert (result.structured_content["paths"], result.structured_content["restored"]) == (["out/a.txt"], [])
    assert found.read_text() == "changed"
    await call(worker, "task-data", "load_checkpoint", name="n")
    assert found.read_text() == "hello\n"


async def test_a_checkpoint_that_is_too_large_is_refused_whole(
    worker: WorkerProcess, side: OtherSide, objects: JetStreamObjects
) -> None:
    await up(side, "task-large", command=f"for n in 1 2 3; do head -c {MB} /dev/zero > big$n; done; {WAIT}")
    result = await call(worker, "task-large", "save_checkpoint", paths=["."])
    assert result.is_error
    assert "larger than 2 MB" in text(result)
    assert await objects.get(CHECKPOINTS.name, "task-large/1/latest") is None


async def test_a_damaged_checkpoint_is_said_to_be_one(
    worker: WorkerProcess, side: OtherSide, objects: JetStreamObjects
) -> None:
    await up(side, "task-broken")
    await objects.put(CHECKPOINTS.name, "task-broken/1/latest", b"no archive", "application/gzip")
    result = await call(worker, "task-broken", "load_checkpoint")
    assert result.is_error
    assert "[checkpoint_damaged]" in text(result)


async def test_content_of_many_chunks_comes_back_whole_and_an_empty_one_empty(objects: JetStreamObjects) -> None:
    for content in (os.urandom(5 * MB), b""):
        await objects.put(ARTIFACTS.name, "task-x/1/many", content, "application/octet-stream")
        assert await objects.get(ARTIFACTS.name, "task-x/1/many") == content
    assert await objects.get(ARTIFACTS.name, "task-x/1/none") is None


async def test_an_outage_is_told_and_afterwards_it_works(tmp_path: Path, nats_server: TestNats) -> None:
    await declare(nats_server)
    with running_sandbox() as sandbox, worker_process(tmp_path, nats_server, sandbox) as worker:
        await worker.ready()
        async with other_side(nats_server) as side:
            await up(side, "task-outage")
        await call(worker, "task-outage", "save_checkpoint", data={"n": 1})
        nats_server.stop()
        calls: dict[str, dict[str, Any]] = {
            "publish_artifact": {"name": "x", "content": "x"},
            "save_checkpoint": {"data": {"n": 2}},
            "load_checkpoint": {},
        }
        for name, arguments in calls.items():
            result = await call(worker, "task-outage", name, **arguments)
            assert result.is_error
            assert "[objects_unavailable]" in text(result)
        nats_server.start()

        async def loaded() -> dict[str, Any] | None:
            return (await call(worker, "task-outage", "load_checkpoint")).structured_content

        # The broker answers before it has all its streams again.
        assert (await eventually(loaded))["data"] == {"n": 1}
        assert not (await call(worker, "task-outage", "publish_artifact", name="x", content="x")).is_error


async def test_a_bucket_that_is_not_declared_is_an_error_that_says_so(nats_server: TestNats) -> None:
    bus = await Bus.connect(settings_of(nats_server), "test")
    try:
        with pytest.raises(ObjectsUnavailable, match="object store"):
            await JetStreamObjects(bus, WORKER).put(BUCKETS[0].name, "k", b"y", "x")
    finally:
        await bus.close()

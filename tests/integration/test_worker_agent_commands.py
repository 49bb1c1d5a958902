"""What the manager wants of an attempt, as its agent hears it and as its processes feel it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from json import dumps
from pathlib import Path
from typing import Any

import psutil
import pytest

from contracts import subjects
from contracts.commands import CommandAction
from servicekit.ids import new_id
from tests.support.other_side import NOW, WORKER, OtherSide, other_side
from tests.support.waiting import PATIENCE_S, eventually
from tests.support.worker_agent import Bench, agent_client, journal_of, worker_bench

TICKING = "while true; do echo tick >> {marks}; sleep 0.05; done"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with worker_bench(tmp_path_factory.mktemp("bench"), PAUSE_GRACE_MS="500", MAX_CONCURRENT_TASKS="9") as made:
        yield made


@pytest.fixture
def leaving(tmp_path: Path) -> Iterator[Bench]:
    """A worker of its own, for a test after which it is of no more use."""
    with worker_bench(tmp_path) as made:
        yield made


@pytest.fixture
async def side(bench: Bench) -> AsyncIterator[OtherSide]:
    async with other_side(bench.nats) as made:
        yield made


async def call(bench: Bench, task_id: str, name: str, arguments: dict[str, Any] | None = None) -> Any:
    async with agent_client(bench.worker, task_id) as client:
        return await client.call_tool(name, arguments or {})


async def hear(bench: Bench, task_id: str, wait_ms: int = 0) -> list[dict[str, Any]]:
    """What check_commands tells."""
    result = await call(bench, task_id, "check_commands", {"wait_ms": wait_ms})
    return result.structured_content["commands"]


async def begin(side: OtherSide, task_id: str, command: str = "echo up; sleep 600", **requirements: Any) -> None:
    await side.assign(task_id, agent="command", command=command, **requirements)
    await side.first("progress", task_id)


def statuses(side: OtherSide, task_id: str) -> list[str]:
    """What the worker-agent itself has said about where the work stands."""
    return [event.body.status for event in side.of("progress", task_id) if event.evidence == "observed"]


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def stands_still(path: Path) -> bool:
    """Whether nothing is written for as long as some writes would take."""
    before = size(path)
    await asyncio.to_thread(psutil.cpu_percent, 0.5)
    return before > 0 and size(path) == before


async def test_a_paused_attempt_hears_of_it_stands_still_and_goes_on_where_it_was(
    bench: Bench, side: OtherSide, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    await begin(side, "task-pause", TICKING.format(marks=marks))
    await call(bench, "task-pause", "report_progress", {"status": "testing", "metrics": {"percent_complete": 30}})
    listening = asyncio.create_task(hear(bench, "task-pause", 20_000))
    await side.command(CommandAction.pause, task_id="task-pause", reason="lunch")
    (heard,) = await asyncio.wait_for(listening, PATIENCE_S)
    assert heard["kind"] == "pause"
    assert "lunch" in heard["text"]
    await eventually(lambda: "paused" in statuses(side, "task-pause"))
    assert await eventually(lambda: stands_still(marks))
    paused = [event.body for event in side.of("progress", "task-pause") if event.body.status == "paused"]
    assert paused[0].metrics.percent_complete == 30
    await side.beat(lambda beat: any(one["task_id"] == "task-pause" for one in beat["running"]))
    await side.command(CommandAction.resume, task_id="task-pause")
    await eventually(lambda: statuses(side, "task-pause")[-1] == "testing")
    before = size(marks)
    await eventually(lambda: size(marks) > before)
    assert [one["kind"] for one in await hear(bench, "task-pause")] == ["resume"]
    assert await hear(bench, "task-pause") == []


async def test_a_pause_outlives_the_worker_agent_and_so_do_its_clocks(
    bench: Bench, side: OtherSide, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    await begin(side, "task-long", TICKING.format(marks=marks), limits={"silence_ms": 3_000})
    await side.command(CommandAction.pause, task_id="task-long")
    await eventually(lambda: "paused" in statuses(side, "task-long"))
    bench.worker.kill()
    bench.worker.start()
    await bench.worker.ready()
    assert await stands_still(marks)
    assert journal_of(bench.worker, "task-long")["pause"]["stopped_at"]
    await asyncio.to_thread(psutil.cpu_percent, 4)
    assert side.of("outcome", "task-long") == []
    await side.command(CommandAction.resume, task_id="task-long")
    before = size(marks)
    await eventually(lambda: size(marks) > before)
    assert (await side.outcome("task-long")).status == "timed_out"


async def test_a_pause_that_comes_before_its_attempt_holds_it_back_even_after_a_crash(
    bench: Bench, side: OtherSide
) -> None:
    await side.command(CommandAction.pause, task_id="task-early", attempt=1, reason="lunch")
    await eventually(lambda: b"task-early" in (bench.worker.data / "worker.json").read_bytes())
    bench.worker.kill()
    bench.worker.start()
    await bench.worker.ready()
    await side.assign("task-early", agent="command", command="echo up; sleep 600")
    await side.first("progress", "task-early")
    assert statuses(side, "task-early") == ["paused"]
    assert journal_of(bench.worker, "task-early")["pause"]["reason"] == "lunch"
    assert side.of("stream", "task-early") == []
    await side.command(CommandAction.resume, task_id="task-early", attempt=1)
    await side.first("stream", "task-early")
    assert statuses(side, "task-early") == ["paused", "initializing"]


async def test_a_paused_attempt_can_be_cancelled(bench: Bench, side: OtherSide, tmp_path: Path) -> None:
    await begin(side, "task-stop", TICKING.format(marks=tmp_path / "marks"))
    await side.command(CommandAction.pause, task_id="task-stop")
    await eventually(lambda: "paused" in statuses(side, "task-stop"))
    await side.command(CommandAction.cancel, task_id="task-stop", reason="too late")
    outcome = await side.outcome("task-stop")
    assert (outcome.status, outcome.reason) == ("cancelled", "too late")


async def test_a_pause_that_is_over_within_its_grace_stops_nothing(bench: Bench, side: OtherSide) -> None:
    await begin(side, "task-short")
    await side.command(CommandAction.pause, task_id="task-short")
    await side.command(CommandAction.resume, task_id="task-short")
    await eventually(lambda: journal_of(bench.worker, "task-short").get("pause") is None)
    assert statuses(side, "task-short") == ["initializing"]


async def test_a_paused_worker_pauses_what_runs_and_resumes_it(bench: Bench, side: OtherSide, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    await begin(side, "task-all", TICKING.format(marks=marks))
    await side.command(CommandAction.pause)
    await eventually(lambda: "paused" in statuses(side, "task-all"))
    await side.beat(lambda beat: beat["paused"])
    await side.command(CommandAction.resume)
    await eventually(lambda: statuses(side, "task-all")[-1] == "executing")
    await side.beat(lambda beat: not beat["paused"])


async def test_a_command_that_only_a_newer_platform_knows_keeps_none_beside_it_from_being_obeyed(
    bench: Bench, side: OtherSide
) -> None:
    await begin(side, "task-newer")
    known = {"worker_id": WORKER, "task_id": "task-newer", "attempt": 1, "issued_at": NOW.isoformat()}
    commands = [known | {"command_id": new_id("cmd"), "action": action} for action in ("dream", "cancel")]
    batch = dumps({"producer": new_id("outbox"), "batch": 1, "events": commands}).encode()
    await side.bus.js.publish(subjects.command(WORKER), batch)
    assert (await side.outcome("task-newer")).status == "cancelled"
    assert [one["action"] for one in bench.worker.logged("command_not_known")] == ["dream"]
    assert bench.worker.logged("dead_letter") == []


async def test_an_answer_that_nobody_waits_for_is_told_once(bench: Bench, side: OtherSide) -> None:
    await begin(side, "task-answer")
    question = {"question": "Which one?", "question_type": "technical", "wait": False}
    await call(bench, "task-answer", "ask_manager", question)
    listening = asyncio.create_task(hear(bench, "task-answer", 20_000))
    await side.answer(await side.first("question", "task-answer"), "the first")
    (told,) = await asyncio.wait_for(listening, PATIENCE_S)
    assert (told["kind"], told["text"].split(": ")[1]) == ("answer", "the first")
    assert await hear(bench, "task-answer") == []


async def test_nothing_new_is_said_after_the_wait(bench: Bench, side: OtherSide) -> None:
    await begin(side, "task-quiet")
    result = await call(bench, "task-quiet", "check_commands", {"wait_ms": 100})
    assert result.content[0].text == "Nothing new: go on."


async def test_an_ended_session_lets_the_worker_leave_once_its_work_is_done(leaving: Bench) -> None:
    async with other_side(leaving.nats) as side:
        await begin(side, "task-last")
        result = await call(leaving, "task-last", "end_session", {"reason": "maintenance"})
        assert not result.is_error
        assert (await side.first("session_end")).body.reason == "maintenance"
        (notice,) = await hear(leaving, "task-last")
        assert notice["kind"] == "drain"
        beat = await side.beat(lambda beat: beat["draining"])
        assert beat["slots_free"] == 0
        assert side.farewells == []
        await side.command(CommandAction.cancel, task_id="task-last")
        await side.outcome("task-last")
        assert (await eventually(lambda: side.farewells))[0]["reason"] == "drained"

"""The commands that call the gateway, as a user calls them, on a real gateway."""

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.questions import QuestionState
from contracts.tasks import FailureClass, TaskState
from devstack.cli.app import app
from devstack.errors import DevstackError
from mcp_gateway.decisions.access import AuthMode
from tests.support.gateway import gateway
from tests.support.upstreams import World, upstreams
from tests.support.views import (
    completed_task,
    entry,
    example_facts,
    example_rule,
    example_streams,
    online_worker,
    open_question,
    queued_task,
    running_task,
)
from tests.support.waiting import eventually

COMMAND_WITHIN_S = 30.0
TASK = "task-abc123"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Mews:
    """The command line, of a project in which nothing runs."""

    home: Path
    gateway: str | None = None
    token: str | None = None

    async def __call__(self, *arguments: str) -> Done:
        """Run a command to its end, in a thread of this process: starting Python takes longer than most commands."""
        return await asyncio.to_thread(self._invoke, arguments)

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start a command in a process of its own."""
        given = {name: value for name, value in self._variables().items() if value is not None}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "devstack", *arguments, env={**os.environ, **given},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    def _invoke(self, arguments: tuple[str, ...]) -> Done:
        done = CliRunner().invoke(app, arguments, env=self._variables())
        if isinstance(done.exception, DevstackError):
            return Done(1, done.stdout, f"mews: {done.exception}\n")
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    def _variables(self) -> dict[str, str | None]:
        home = {"MEWS_HOME": str(self.home), "COLUMNS": "200"}
        return {**home, "MEWS_GATEWAY": self.gateway, "MEWS_TOKEN": self.token}


async def ended(process: asyncio.subprocess.Process) -> Done:
    async with asyncio.timeout(COMMAND_WITHIN_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def mews(world: World, tmp_path: Path) -> AsyncIterator[Mews]:
    """The command line, told by a variable where a gateway over `world` is."""
    async with upstreams(world) as addresses, gateway(addresses) as url:
        yield Mews(tmp_path, url.removesuffix("/mcp"))


async def test_assign_sends_all_that_it_was_given(mews: Mews, world: World, tmp_path: Path):
    done = await mews(
        "assign", "Fix the parser", "--priority", "high", "--worker", "worker-7", "--repo", str(tmp_path),
        "--agent", "claude", "--verify", "make test", "--verify", "make lint", "--requirements", '{"depth": 3}',
        "--estimated-duration-ms", "60000", "--key", "once", "--json",
    )  # fmt: skip
    assert (done.json["task_id"], done.json["status"]) == ("task-1", "queued")
    [sent] = world.bodies
    expected = {
        "description": "Fix the parser",
        "priority": "high",
        "worker_id": "worker-7",
        "estimated_duration_ms": 60_000,
        "idempotency_key": "once",
        "requirements": {
            "agent": "claude",
            "repository": str(tmp_path),
            "verify": ["make test", "make lint"],
            "depth": 3,
        },
    }
    assert {name: sent[name] for name in expected} == expected


async def test_tasks_and_workers_are_tables_for_people_and_json_for_programs(mews: Mews, world: World):
    world.put(queued_task("task-a"))
    world.put(completed_task("task-b"))
    world.workers["worker-1"] = online_worker()

    shown = await mews("tasks", "--status", "completed")
    assert "task-b" in shown.out
    assert "task-a" not in shown.out
    everything = await mews("tasks", "--limit", "1", "--json")
    assert [task["task_id"] for task in everything.json["tasks"]] == ["task-b"]
    rest = await mews("tasks", "--cursor", everything.json["next_cursor"], "--json")
    assert [task["task_id"] for task in rest.json["tasks"]] == ["task-a"]
    world.put(
        queued_task("task-c").model_copy(update={"status": TaskState.failed, "failure_class": FailureClass.poison})
    )
    held = await mews("tasks", "--quarantined", "--json")
    assert [task["task_id"] for task in held.json["tasks"]] == ["task-c"]

    assert "worker-1" in (await mews("workers")).out
    assert [worker["worker_id"] for worker in (await mews("workers", "--json")).json["workers"]] == ["worker-1"]


async def test_task_prints_the_text_of_monitor_task(mews: Mews, world: World):
    world.put(running_task(TASK))
    world.facts[TASK] = example_facts(TASK)
    world.tails[TASK] = example_streams()
    shown = await mews("task", TASK)
    assert f"Task {TASK} Monitoring:\nStatus: executing\nProgress: 65%" in shown.out
    assert "Analytics:" in shown.out
    less = await mews("task", TASK, "--no-analytics", "--no-streams", "--json")
    assert not {"analytics", "streams"} & less.json.keys()


async def test_rules_are_listed(mews: Mews, world: World):
    world.rules = [example_rule()]
    assert [rule["rule_id"] for rule in (await mews("rules", "--json")).json["rules"]] == ["rule-1"]
    assert "answer: github" in (await mews("rules")).out


async def test_questions_are_listed_and_answered(mews: Mews, world: World):
    world.questions["q-1"] = open_question("q-1")
    world.questions["q-0"] = open_question("q-0", state=QuestionState.answered)
    assert [each["question_id"] for each in (await mews("questions", "--json")).json["questions"]] == ["q-1"]
    assert "q-0" in (await mews("questions", "--all")).out

    answered = await mews("answer", "q-1", "Yes, do", "--context", "but slowly")
    assert (answered.code, "Answer: Yes, do" in answered.out) == (0, True)
    assert world.questions["q-1"].additional_context == "but slowly"
    again = await mews("answer", "q-1", "No")
    assert (again.code, again.out) == (1, "")
    assert again.err.startswith("mews: answer_worker_question: ")


async def test_a_task_is_cancelled_and_queued_again(mews: Mews, world: World):
    world.put(running_task(TASK))
    cancelled = await mews("cancel", TASK, "--reason", "changed my mind", "--json")
    assert (cancelled.json["status"], cancelled.json["reason"]) == ("cancelled", "cancelled by local: changed my mind")
    assert (await mews("retry", TASK, "--json")).json["status"] == "queued"


async def test_watch_tells_the_stream_until_the_end_and_exits_with_how_it_ended(mews: Mews, world: World):
    world.put(running_task(TASK))
    world.questions["q-1"] = open_question("q-1", task_id=TASK)
    watching = await mews.start("watch")
    await eventually(lambda: any("/tail" in path for _, path in world.asked), COMMAND_WITHIN_S)
    await world.stream(TASK, entry("milestone", "Half of it"))
    world.put(running_task(TASK, status=TaskState.failed, reason="the agent exited with 3"))
    done = await ended(watching)
    assert done.code == 4, done.err
    assert "running, executing · 65% · worker-1 · Implementing token rotation" in done.out
    assert "mews answer q-1 TEXT" in done.out
    assert done.out.count("[milestone] Half of it") == 1
    assert done.out.splitlines()[-1].endswith("failed · 65% · worker-1 · the agent exited with 3")


@pytest.mark.parametrize(("state", "code"), [("completed", 0), ("cancelled", 5), ("timed_out", 6)])
async def test_the_exit_code_of_watch_says_how_the_task_ended(mews: Mews, world: World, state: str, code: int):
    world.put(running_task(TASK, status=TaskState(state)))
    done = await mews("watch", TASK, "--json")
    assert done.code == code, done.err
    assert json.loads(done.out.splitlines()[-1])["task"]["state"] == state


async def test_interrupting_watch_leaves_the_task_alone(mews: Mews, world: World):
    world.put(running_task(TASK))
    watching = await mews.start("watch", TASK)
    await eventually(lambda: any("/tail" in path for _, path in world.asked), COMMAND_WITHIN_S)
    watching.send_signal(signal.SIGINT)
    done = await ended(watching)
    assert (done.code, "the task goes on" in done.err) == (130, True)
    assert "Traceback" not in done.err
    assert world.tasks[TASK].status is TaskState.running


async def test_watch_without_any_task_says_how_to_make_one(mews: Mews):
    done = await mews("watch")
    assert (done.code, "mews assign DESCRIPTION" in done.err) == (1, True)


async def test_an_unknown_task_is_one_sentence_and_an_exit_code(mews: Mews):
    done = await mews("task", "task-nowhere")
    assert done.code == 1
    assert done.err == "mews: monitor_task: no task task-nowhere; list_tasks shows the tasks there are\n"


async def test_a_token_is_sent_and_a_wrong_one_is_explained(world: World, tmp_path: Path):
    accepted = f"alice:{hashlib.sha256(b'right').hexdigest()}"
    async with (
        upstreams(world) as addresses,
        gateway(addresses, auth_mode=AuthMode.token, gateway_tokens=accepted, gateway_state_keys="k" * 32) as url,
    ):
        assert (await Mews(tmp_path, url, "right")("tasks")).code == 0
        for token in (None, "wrong"):
            done = await Mews(tmp_path, url, token)("tasks")
            assert done.code == 1
            assert "--token or MEWS_TOKEN" in done.err


async def test_without_a_system_every_command_says_how_to_start_it(tmp_path: Path):
    expected = "mews: the system is not running; start it with: mews up\n"
    for command in (["watch"], ["assign", "x"], ["answer", "q-1", "yes"]):
        done = await Mews(tmp_path)(*command)
        assert (done.code, done.err) == (1, expected)
    alone = await ended(await Mews(tmp_path).start("tasks"))
    assert (alone.code, alone.out, alone.err) == (1, "", expected)


async def test_a_gateway_that_does_not_answer_is_named(tmp_path: Path):
    done = await Mews(tmp_path, "http://127.0.0.1:1")("workers")
    assert done.code == 1
    assert "no gateway answers at http://127.0.0.1:1/mcp" in done.err
    assert "mews up" in done.err


@pytest.mark.parametrize(("flag", "tool"), [([], "assign_task"), (["--worker"], "report_progress")])
async def test_tools_are_told_without_a_running_system(tmp_path: Path, flag: list[str], tool: str):
    listed = (await Mews(tmp_path)("tools", *flag, "--json")).json["tools"]
    assert tool in [each["name"] for each in listed]
    assert all(each["description"] and each["inputSchema"]["type"] == "object" for each in listed)
    assert f"{tool}\n" in (await Mews(tmp_path)("tools", *flag)).out

"""Tools that the auditor starts, as real processes."""

import sys
from pathlib import Path

import psutil
import pytest

from auditor.commands import Command, Workbench
from auditor.figures import CommandFigures
from tests.support.waiting import eventually

DAEMON = (
    "import os, subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
    "print(child.pid, flush=True)\n"
)


@pytest.fixture
def ran() -> list[CommandFigures]:
    return []


def bench(folder: Path, ran: list[CommandFigures], timeout_s: float = 30) -> Workbench:
    return Workbench(folder, folder, timeout_s, ran.append)


def python(code: str) -> Command:
    return Command((sys.executable, "-c", code), {"SAID": "{scratch}"})


async def test_output_and_errors_are_read_together_line_by_line(tmp_path: Path, ran: list[CommandFigures]) -> None:
    seen: list[str] = []
    code = "import os, sys; print(os.environ['SAID'], flush=True); print('bad', file=sys.stderr); sys.exit(3)"
    ended = await bench(tmp_path, ran).run(python(code), seen.append)
    assert seen == [str(tmp_path), "bad"]
    assert (ended.exit_code, ended.output) == (3, f"{tmp_path}\nbad")
    assert [one.exit_code for one in ran] == [3]


async def test_a_tool_that_takes_too_long_is_gone_with_its_daemons(tmp_path: Path, ran: list[CommandFigures]) -> None:
    seen: list[str] = []
    ended = await bench(tmp_path, ran, timeout_s=2).run(python(DAEMON + "time.sleep(600)"), seen.append)
    assert ended.exit_code is None
    await eventually(lambda: not _lives(int(seen[0])))


async def test_a_daemon_left_behind_does_not_hold_up_the_end(tmp_path: Path, ran: list[CommandFigures]) -> None:
    seen: list[str] = []
    ended = await bench(tmp_path, ran).run(python(DAEMON), seen.append)
    # None: the time was up.
    assert ended.exit_code == 0
    await eventually(lambda: not _lives(int(seen[0])))


async def test_a_program_that_is_not_there_is_an_error_of_the_measurement(
    tmp_path: Path, ran: list[CommandFigures]
) -> None:
    ended = await bench(tmp_path, ran).run(Command(("not-there-at-all",)))
    assert ended.exit_code == 127
    assert "not-there-at-all" in ended.output


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

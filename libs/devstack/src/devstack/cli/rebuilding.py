"""`mews rebuild`: the projections made anew from the log, by the program of the service, with its own settings."""

import os
import subprocess
import sys
from pathlib import Path

import typer

from devstack.cli.output import AsJson
from devstack.errors import DevstackError
from devstack.paths import layout
from devstack.processes import ProcessId, is_alive
from devstack.services import SERVICES
from devstack.state import State, read_state

SERVICE = next(service for service in SERVICES if service.name == "analytics-query")


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(rebuild)


def rebuild(as_json: AsJson = False) -> None:
    """Make all analytics anew from the event log; the system runs on meanwhile."""
    command = [sys.executable, "-P", "-m", SERVICE.module, "rebuild", "--json" if as_json else "--progress"]
    done = subprocess.run(command, env=_environment(_running(read_state(layout().state))), check=False)
    raise typer.Exit(done.returncode)


def _running(state: State | None) -> ProcessId:
    members = state.members if state is not None and state.is_supervised else ()
    found = next((member.process for member in members if member.name == SERVICE.name), None)
    if found is None or not is_alive(found):
        raise DevstackError(f"{SERVICE.name} is not running; start the system with: mews up")
    return found


def _environment(process: ProcessId) -> dict[str, str]:
    """What the service was started with: the one place where all its settings are, however they came about."""
    read = Path(f"/proc/{process.pid}/environ").read_bytes()
    return dict(os.fsdecode(one).split("=", 1) for one in read.split(b"\0") if b"=" in one)

"""`mews up`, `down`, `status`: the system as a whole."""

import asyncio
import signal
import subprocess
import sys
from typing import Annotated

import typer
from rich.live import Live

from devstack.cli.output import AsJson, console, print_json
from devstack.cli.tables import state_table
from devstack.environ import user_environment
from devstack.errors import DevstackError
from devstack.locking import is_supervised
from devstack.paths import Layout, layout
from devstack.processes import is_alive, send
from devstack.state import Phase, State, read_state
from devstack.supervision.strays import end_strays
from devstack.system import System, Watcher
from devstack.waiting import poll

START_WITHIN_S = 180.0
LEAVE_WITHIN_S = 60.0
MOST_WORKERS = 64

Workers = Annotated[int, typer.Option("--workers", "-w", min=0, max=MOST_WORKERS, help="How many workers to run.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command(hidden=True)(supervise)


def up(
    workers: Workers = 2,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when the system is ready.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start the system: servers, services and workers. Where it runs already, say what runs."""
    place = layout()
    if is_supervised(place.lock):
        _report(_await_start(place), "runs already", as_json)
    elif detach or as_json:
        _start_supervisor(place, workers)
        _report(_await_start(place), "is ready", as_json)
    else:
        _run_in_foreground(place, workers)


def down(as_json: AsJson = False) -> None:
    """Stop the system, and whatever an earlier one has left behind."""
    place = layout()
    state = read_state(place.state)
    was_running = is_supervised(place.lock)
    if was_running and state:
        send(state.supervisor, signal.SIGTERM)
        # Its lock is free a moment before it is gone.
        if not poll(lambda: not is_supervised(place.lock) and not is_alive(state.supervisor), LEAVE_WITHIN_S):
            send(state.supervisor, signal.SIGKILL)
    strays = end_strays(str(place.mews), state)
    place.state.unlink(missing_ok=True)
    if as_json:
        print_json({"was_running": was_running, "strays_ended": strays})
        return
    console.print("stopped" if was_running else "nothing was running")
    if strays:
        console.print(f"ended what had been left behind: {strays}")


def status(as_json: AsJson = False) -> None:
    """Say what runs, and where. The exit code is 0 only when everything is ready."""
    place = layout()
    state = read_state(place.state)
    if state is None or not is_supervised(place.lock):
        if as_json:
            print_json({"phase": "stopped", "members": []})
        else:
            console.print("not running; `mews up` starts it")
        raise typer.Exit(3)
    _report(state, f"is {state.phase}", as_json)
    if any(member.phase is not Phase.ready for member in state.members):
        raise typer.Exit(4)


def supervise(workers: Workers = 2) -> None:
    """Run the system until SIGTERM; `up --detach` starts this in the background."""
    asyncio.run(_supervise(layout(), workers, lambda state: None))


def _run_in_foreground(place: Layout, workers: int) -> None:
    if not console.is_terminal:
        asyncio.run(_supervise(place, workers, _Printer()))
        return
    with Live(console=console, refresh_per_second=8) as live:
        asyncio.run(_supervise(place, workers, lambda state: live.update(state_table(state))))


class _Printer:
    """Prints each change of a process as a line, for output that is no terminal."""

    def __init__(self) -> None:
        self._seen: dict[str, Phase] = {}

    def __call__(self, state: State) -> None:
        now = {member.name: member.phase for member in state.members} | {"system": state.phase}
        for name, phase in now.items():
            if self._seen.get(name) != phase:
                console.print(f"{name}: {phase}")
        self._seen = now


async def _supervise(place: Layout, workers: int, watch: Watcher) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    await System(place, user_environment(place.root), workers, watch).run(stop)


def _start_supervisor(place: Layout, workers: int) -> None:
    place.logs.mkdir(parents=True, exist_ok=True)
    place.state.unlink(missing_ok=True)
    command = [sys.executable, "-P", "-m", "devstack", "supervise", "--workers", str(workers)]
    with (place.logs / "supervisor.log").open("ab") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    poll(lambda: read_state(place.state) or child.poll() is not None, START_WITHIN_S)


def _await_start(place: Layout) -> State:
    """Wait until the system that is starting is ready; raise DevstackError when it fails."""

    def settled() -> State | None:
        state = read_state(place.state)
        if state is None or not is_alive(state.supervisor):
            return state
        return state if state.ready_at or state.phase is Phase.failed else None

    poll(settled, START_WITHIN_S)
    state = read_state(place.state)
    log = place.logs / "supervisor.log"
    if state is None:
        raise DevstackError(f"the supervisor did not start: see {log}")
    if not (state.ready_at and is_alive(state.supervisor)):
        raise DevstackError(state.reason or f"the system did not become ready: see {log}")
    return state


def _report(state: State, how: str, as_json: bool) -> None:
    if as_json:
        print_json(state)
        return
    console.print(state_table(state))
    console.print(f"\nmews {how}: {state.workers} workers; MCP endpoint {state.gateway_url}/mcp")

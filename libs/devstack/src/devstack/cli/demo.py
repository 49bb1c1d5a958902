"""`mews demo`: an audit of a real project, from nothing to the report."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from devstack.cli.assigning import repository
from devstack.cli.output import console
from devstack.cli.running import Workers
from devstack.errors import DevstackError
from devstack.paths import layout

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal asked for the end; everything was stopped in good order."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(demo)


def demo(
    repo: Annotated[
        str | None, typer.Option("--repo", help="Your own folder or git repository, instead of a project from PyPI.")
    ] = None,
    workers: Workers = 2,
) -> None:
    """Start the system, let a worker audit a real project, show everything, and stop it again.

    A system that runs here already is used and left running.
    """
    from devstack.demo.show import Demo

    place = layout()
    what = repository(repo) if repo else None
    try:
        asyncio.run(_until_ended(Demo(place, workers, console).run(what)))
    except DevstackError as error:
        raise DevstackError(f"the demo failed: {error}\nlogs: {place.logs} (`mews logs` shows them)") from error
    except Interrupted as interruption:
        raise typer.Exit(128 + interruption.number) from None


async def _until_ended(demo: Coroutine[Any, Any, None]) -> None:
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(demo)
    received: list[int] = []

    def stop(number: int) -> None:
        # Only the first: a second one must not break off the cleaning up.
        if not received:
            console.print("\nstopping …")
            running.cancel()
        received.append(number)

    for number in STOPPING_SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        await running
    except asyncio.CancelledError:
        raise Interrupted(received[0] if received else signal.SIGINT) from None

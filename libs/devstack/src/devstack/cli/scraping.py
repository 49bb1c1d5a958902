"""`mews prometheus-config`: where a Prometheus on this machine finds the metrics."""

from pathlib import Path
from typing import Annotated

import typer

from devstack.cli.output import print_json
from devstack.errors import DevstackError
from devstack.paths import layout
from devstack.scraping import scrape_config
from devstack.state import read_state


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("prometheus-config")(prometheus_config)


def prometheus_config(
    rules: Annotated[
        list[Path] | None, typer.Option("--rules", help="A rule file or a pattern; may be repeated.")
    ] = None,
    every: Annotated[int, typer.Option("--every", min=1, help="Seconds between two looks.")] = 5,
) -> None:
    """Print a configuration with which Prometheus watches the running system."""
    state = read_state(layout().state)
    if state is None or not state.is_supervised:
        raise DevstackError("the system does not run; `mews up` starts it")
    print_json(scrape_config(state, [str(path.resolve()) for path in rules or ()], every))

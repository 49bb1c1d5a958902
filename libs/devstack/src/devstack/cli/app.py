"""The command line, put together from its groups."""

import typer

from devstack.cli import (
    asking,
    assigning,
    bus,
    demo,
    diagnosis,
    listing,
    logs,
    rebuilding,
    reporting,
    running,
    surfaces,
    watching,
)

app = typer.Typer(
    name="mews",
    help="Hand coding tasks to a fleet of workers and see all that happens.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    running,
    demo,
    assigning,
    watching,
    listing,
    asking,
    reporting,
    rebuilding,
    logs,
    surfaces,
    bus,
    diagnosis,
):
    group.register(app)

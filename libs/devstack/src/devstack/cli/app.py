"""The command line, put together from its groups."""

import typer

from devstack.cli import (
    asking,
    assigning,
    auditing,
    bus,
    cluster,
    deadletters,
    demo,
    diagnosis,
    keys,
    listing,
    logs,
    rebuilding,
    reporting,
    roles,
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
DAILY = (running, demo, assigning, watching, listing, asking, reporting)
OPERATING = (keys, auditing, deadletters, rebuilding, roles, logs, surfaces, bus, cluster, diagnosis)
for group in (*DAILY, *OPERATING):
    group.register(app)

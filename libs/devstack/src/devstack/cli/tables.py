"""The state of the system as a table for the terminal."""

from rich.table import Table

from devstack.state import Member, Phase, State

COLOURS = {
    Phase.ready: "green",
    Phase.failed: "red",
    Phase.restarting: "red",
    Phase.stopped: "dim",
    Phase.waiting: "dim",
}


def state_table(state: State) -> Table:
    """One row for each process."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("process", "state", "pid", "address", "restarts"):
        table.add_column(column)
    for member in state.members:
        table.add_row(
            member.name, _phase(member), str(member.pid or ""), member.address or "", str(member.restarts or "")
        )
    return table


def _phase(member: Member) -> str:
    colour = COLOURS.get(member.phase, "yellow")
    return f"[{colour}]{member.phase}[/{colour}]"

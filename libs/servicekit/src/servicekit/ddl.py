"""Tables that servicekit brings along: their statements, run by the migrations of the service that uses them."""

from collections.abc import Iterable
from typing import Any, Protocol


class Operations(Protocol):
    """Alembic's `op`, as far as it is needed here."""

    def execute(self, sqltext: str) -> Any:
        """Run one statement."""
        ...


def execute_all(op: Operations, statements: Iterable[str]) -> None:
    """Run statements in order."""
    for statement in statements:
        op.execute(statement)

"""What is to be started, and what each part waits for."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from devstack.managed import Managed


@dataclass(frozen=True)
class Step:
    """Something done once on the way; `run` raises DevstackError when it cannot be done."""

    name: str
    needs: frozenset[str]
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Unit:
    """A process that is kept running; those of the highest `layer` are stopped first."""

    managed: Managed
    needs: frozenset[str]
    layer: int
    address: str

    @property
    def name(self) -> str:
        """The name of its process."""
        return self.managed.name


Node = Step | Unit


def stop_order(units: Sequence[Unit]) -> list[list[Unit]]:
    """The units in groups that may be stopped at once, the group to be stopped first at the front."""
    layers = sorted({unit.layer for unit in units}, reverse=True)
    return [[unit for unit in units if unit.layer == layer] for layer in layers]


def check_graph(nodes: Sequence[Node]) -> None:
    """Raise ValueError where a name stands twice, is not there, or waits for itself."""
    needs = {node.name: set(node.needs) for node in nodes}
    if len(needs) != len(nodes):
        raise ValueError("two parts have the same name")
    while needs:
        free = {name for name, waiting_for in needs.items() if not waiting_for}
        if not free:
            raise ValueError(f"these wait for each other or for what is not there: {sorted(needs)}")
        needs = {name: waiting_for - free for name, waiting_for in needs.items() if name not in free}

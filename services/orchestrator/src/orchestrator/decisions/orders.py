"""What the leader asks of whoever runs the fleet, from before it asks until it is seen to be done, and told.

An answer says whether a call was carried out, if it comes; a look says so of each call, whoever made it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from orchestrator.decisions.fleet import End, Scale
from orchestrator.domain import FleetLook, Intention

ACTOR = "orchestrator"
MORE_NEEDED = "more workers are needed"


@dataclass(frozen=True, slots=True)
class EndOrder:
    """An instance is to end, so that another takes its place."""

    worker_id: str
    instance: str
    ordered_by: str
    ordered_at: datetime
    reason: str | None = None

    @property
    def key(self) -> str:
        """Two orders with one key are for the same thing: the later replaces the earlier."""
        return self.instance


@dataclass(frozen=True, slots=True)
class SizeOrder:
    """There are to be `after` workers instead of `before`, as long as nobody else has changed that since `version`.

    `worker_id` and `instance`: whose place is given up.
    """

    before: int
    after: int
    version: str
    ordered_by: str
    ordered_at: datetime
    reason: str | None = None
    worker_id: str | None = None
    instance: str | None = None

    @property
    def key(self) -> str:
        """Two orders with one key are for the same thing: the later replaces the earlier."""
        return "size"


Order = EndOrder | SizeOrder


class OrderState(Enum):
    """How an order stands, by a look that is later than it."""

    open = "open"
    """It may still be carried out."""
    done = "done"
    void = "void"
    """It was not carried out, and will not be."""


def order_of(step: End | Scale, now: datetime) -> Order:
    """What is asked for in a step."""
    if isinstance(step, End):
        meant = step.intention
        return EndOrder(meant.worker_id, step.instance.instance, meant.asked_by, now, meant.reason)
    if (meant := step.gives_up) is None:
        return SizeOrder(step.before, step.replicas, step.version, ACTOR, now, MORE_NEEDED)
    return SizeOrder(
        step.before,
        step.replicas,
        step.version,
        meant.asked_by,
        now,
        meant.reason,
        worker_id=meant.worker_id,
        instance=meant.instance,
    )


def state_of(order: Order, look: FleetLook, intentions: Iterable[Intention]) -> OrderState:
    """How an order stands. In doubt it is done: better told though another did it than not at all."""
    if isinstance(order, EndOrder):
        return _of_end(order, look, intentions)
    if look.replicas != order.before:
        return OrderState.done
    return OrderState.open if look.version == order.version else OrderState.void


def _of_end(order: EndOrder, look: FleetLook, intentions: Iterable[Intention]) -> OrderState:
    if not any(one.instance == order.instance and not one.is_ending for one in look.instances):
        return OrderState.done
    is_meant = any(one.instance == order.instance for one in intentions)
    return OrderState.open if is_meant else OrderState.void

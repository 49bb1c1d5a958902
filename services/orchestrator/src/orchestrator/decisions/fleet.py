"""What is to be done next with the instances of workers. A repeat of any step is harmless."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from contracts.workers import WorkerStatus
from orchestrator.domain import FleetAction, FleetLook, Instance, Intention

HEARD = timedelta(seconds=10)
"""How long a worker may take to say that it has heard of its end, before it is ended without that."""
SPOOL_WAIT_S = 3_600.0
"""How long a worker must have been silent before its place is given up though its disk may hold unsent events."""


class Standing(NamedTuple):
    """How a worker stands. `is_silent`: it was not heard for so long that it counts as offline; `quiet_s`: for how long
    it was not, as far as this reign knows."""

    live: int = 0
    status: WorkerStatus = WorkerStatus.offline
    is_silent: bool = True
    is_draining: bool = False
    """By its own word."""
    unsent: int | None = None
    """Events on its disk that the broker has not; None while it has not said so in this reign."""
    quiet_s: float = float("inf")


UNKNOWN = Standing()
"""Of a worker that never was, or has been gone for so long that nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Bind:
    """Write down which instance is to end."""

    intention: Intention
    instance: Instance


@dataclass(frozen=True, slots=True)
class End:
    """End an instance; another takes its place."""

    intention: Intention
    instance: Instance


@dataclass(frozen=True, slots=True)
class Finish:
    """An intention is done, or given up: its worker works again."""

    intention: Intention


@dataclass(frozen=True, slots=True)
class Drain:
    """The worker in the last place is to be given up."""

    worker_id: str
    instance: Instance | None


@dataclass(frozen=True, slots=True)
class Scale:
    """Change how many there are, as long as nobody else has since the look. `gives_up`: why there may be one fewer."""

    replicas: int
    version: str
    before: int
    gives_up: Intention | None = None


@dataclass(frozen=True, slots=True)
class Retire:
    """A worker whose place is given up, whose instance is gone, and which is silent: nobody will end its attempts."""

    worker_id: str


Step = Bind | End | Finish | Drain | Scale | Retire


def place_of(worker_id: str, prefix: str) -> int | None:
    """The place of a worker in the fleet, from 0 (`<prefix>-<place>`); None for one that is not of it."""
    name, _, place = worker_id.rpartition("-")
    return int(place) if name == prefix and place.isdecimal() and place == str(int(place)) else None


def steps_of_intentions(
    look: FleetLook,
    intentions: Iterable[Intention],
    standings: Mapping[str, Standing],
    now: datetime,
    *,
    ends_agents: bool,
) -> list[Step]:
    """What is next for each worker that is to be restarted, or whose removed place has been filled again.

    `ends_agents`: whether what a worker has in hand ends with its instance.
    """
    there = {one.worker_id: one for one in look.instances}
    steps: list[Step] = []
    for one in intentions:
        instance, standing = there.get(one.worker_id), standings.get(one.worker_id, UNKNOWN)
        step = _next(one, instance, is_due=_is_due(one, standing, now, ends_agents=ends_agents))
        if step is not None:
            steps.append(step)
    return steps


def steps_of_size(
    look: FleetLook,
    target: int,
    intentions: Iterable[Intention],
    standings: Mapping[str, Standing],
    prefix: str,
) -> list[Step]:
    """What brings the fleet nearer to `target` workers that work: those in the last places are drained, one by one."""
    if look.version is None:
        return []
    leaving, last = removals(look, intentions, prefix), f"{prefix}-{look.replicas - 1}"
    active = look.replicas - len(leaving)
    # Somebody has put others behind them: their place is not the one that goes next.
    stale: list[Step] = [Finish(one) for one in leaving if one.worker_id != last]
    if stale:
        return stale
    if target > active:
        grow: list[Step] = [Scale(target, look.version, look.replicas)] if target > look.replicas else []
        return [*(Finish(one) for one in leaving), *grow]
    standing = standings.get(last, UNKNOWN)
    drain = Drain(last, next((one for one in look.instances if one.worker_id == last), None))
    if leaving and standing.status is WorkerStatus.online:
        # It came after its place was to be given up, and nobody has told it.
        return [drain]
    if leaving:
        less = Scale(look.replicas - 1, look.version, look.replicas, gives_up=leaving[0])
        return [less] if _may_go(standing) else []
    if target < active and not any(one.worker_id == last for one in intentions):
        return [drain]
    return []


def described(step: Step) -> tuple[str, str]:
    """The name of a step, and what it is about: a worker, or a size."""
    match step:
        case Bind() | End() | Finish():
            about = step.intention.worker_id
        case Drain() | Retire():
            about = step.worker_id
        case Scale():
            about = str(step.replicas)
    return type(step).__name__.lower(), about


def removals(look: FleetLook, intentions: Iterable[Intention], prefix: str) -> list[Intention]:
    """Workers that are to give up places that there still are."""
    return [
        one
        for one in intentions
        if one.action is FleetAction.remove and (place_of(one.worker_id, prefix) or 0) < look.replicas
    ]


def steps_of_absence(
    look: FleetLook, standings: Mapping[str, Standing], known: Collection[str], prefix: str
) -> list[Step]:
    """Workers that are gone for good; `known` are those that are known to be.

    Two witnesses must agree: there is no instance, and no heartbeat. What one of them cannot see, the other may.
    """
    there = {one.worker_id for one in look.instances}
    if look.version is None:
        return []
    return [
        Retire(worker_id)
        for worker_id, standing in standings.items()
        if (place := place_of(worker_id, prefix)) is not None
        and place >= look.replicas
        and worker_id not in there
        and standing.is_silent
        and (standing.live or worker_id not in known)
    ]


def _next(intention: Intention, there: Instance | None, *, is_due: bool) -> Step | None:
    is_restart = intention.action is FleetAction.restart
    if there is None:
        return Finish(intention) if is_restart and intention.instance is None else None
    if intention.instance is None:
        return Bind(intention, there)
    if there.instance != intention.instance:
        return Finish(intention)
    return End(intention, there) if is_restart and is_due and not there.is_ending else None


def _is_due(intention: Intention, standing: Standing, now: datetime, *, ends_agents: bool) -> bool:
    # A silent one may work on; its leases tell when that is over.
    if not standing.live:
        return True
    if intention.until is None or now < intention.until:
        return False
    # One that knows gives its tasks back when it is ended, and they lose no attempt.
    return not ends_agents or standing.is_draining or now - intention.asked_at >= HEARD


def _may_go(standing: Standing) -> bool:
    return not standing.live and (standing.unsent == 0 or standing.quiet_s >= SPOOL_WAIT_S)

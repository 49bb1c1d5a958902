"""What must hold of the processes of the platform, and of what they leave."""

from collections.abc import Collection, Iterator, Sequence

from tests.chaos.evidence import Evidence
from tests.chaos.injecting import Injected
from tests.chaos.invariants.causes import SETTLES_S, name_of
from tests.chaos.plan import SERVERS, SERVICES, Fault
from tests.chaos.watching import Look

CHECKS = {"nats": "bus", "postgres": "schema"}
"""The check that fails without a server, in each service but those of UNMOVED; without Redis all are ready."""
UNMOVED = frozenset({"mcp-gateway"})
NOTICED_S = 5.0
"""How long after its beginning an outage is seen by all."""
ENOUGH = 5
"""So many looks show something of a service that nothing else has hit."""


def nothing_left(e: Evidence) -> Iterator[str]:
    """No process of an agent runs, no slot is taken, every worker is there, and no outbox holds anything."""
    yield from (f"still runs: {process}" for process in e.alive)
    for worker in e.workers:
        if worker.status != "online":
            yield f"{worker.worker_id} is {worker.status}"
        elif worker.slots_free is not None and worker.slots_free != worker.slots_total:
            yield f"{worker.worker_id} has {worker.slots_free} of {worker.slots_total} slots free"
    yield from (f"the outbox of {schema} holds {many} rows" for schema, many in e.unsent.items() if many)


def nothing_refused(e: Evidence) -> Iterator[str]:
    """No message of the platform's own is a dead letter."""
    for schema, reasons in e.dead_letters.items():
        yield from (f"{schema} has a dead letter: {reason}" for reason in dict.fromkeys(reasons))


def services_stay(e: Evidence) -> Iterator[str]:
    """No process ends by itself, and one that is told to ends within its grace period."""
    for end in e.ends:
        if not end.wanted:
            yield f"{end.name} ended by itself with {end.code}"
    for stop in e.stops:
        if stop.forced or stop.code != 0:
            yield f"{stop.name} was told to stop, took {stop.took_s} s and ended with {stop.code}"


def outages_told(e: Evidence) -> Iterator[str]:
    """While a server is away, services that need it say so, the others stay ready, and each answers."""
    for outage in (one for one in e.injected if one.fault is Fault.outage):
        for service in SERVICES:
            looks = [look for look in e.looks if look.service == service and _within(look, outage)]
            check = CHECKS.get(outage.victim) if service not in UNMOVED else None
            what = _untold(looks, check) if check else _unready(looks, e, outage, service)
            what = what or _unanswered(looks, e, outage, service)
            if what:
                yield f"{service}, while {outage.victim} was away for {outage.ended_at - outage.begun_at:.0f} s, {what}"


def doors_stay_open(e: Evidence) -> Iterator[str]:
    """No agent is turned away by a worker that takes its reports again later."""
    for run in e.runs:
        away = [line["at"] for line in run.of("turned_away")]
        if away and any(line["at"] > away[0] for line in run.of("acked")):
            yield f"{name_of(run)} was turned away {len(away)} times in the middle of its attempt"


def _within(look: Look, outage: Injected) -> bool:
    return outage.begun_at + NOTICED_S <= look.begun_at and look.ended_at <= outage.ended_at


def _untold(looks: Sequence[Look], check: str) -> str | None:
    silent = [look for look in looks if look.status is not None and check not in look.failing]
    return f"did not say that {check} fails in {len(silent)} of {len(looks)} looks" if silent else None


def _unready(looks: Sequence[Look], e: Evidence, outage: Injected, service: str) -> str | None:
    ready = sum(look.status == 200 for look in looks)
    if ready * 2 >= len(looks) or len(looks) < ENOUGH or _is_hit(e, outage, {service, *SERVERS}):
        return None
    failing = sorted({check for look in looks for check in look.failing})
    return f"was ready in {ready} of {len(looks)} looks alone; failing: {failing}"


def _unanswered(looks: Sequence[Look], e: Evidence, outage: Injected, service: str) -> str | None:
    if len(looks) < ENOUGH or any(look.status for look in looks) or _is_hit(e, outage, {service}):
        return None
    return f"did not answer in {len(looks)} looks"


def _is_hit(e: Evidence, outage: Injected, names: Collection[str]) -> bool:
    """Whether another fault hit one of them meanwhile, or so shortly before that it may still show."""
    return any(
        one is not outage
        and one.victim in names
        and one.begun_at < outage.ended_at
        and one.ended_at + SETTLES_S > outage.begun_at
        for one in e.injected
    )

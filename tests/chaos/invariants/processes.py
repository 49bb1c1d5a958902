"""What must hold of the processes of the platform, and of what they leave."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.invariants.causes import name_of


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


def doors_stay_open(e: Evidence) -> Iterator[str]:
    """No agent is turned away by a worker that takes its reports again later."""
    for run in e.runs:
        away = [line["at"] for line in run.of("turned_away")]
        if away and any(line["at"] > away[0] for line in run.of("acked")):
            yield f"{name_of(run)} was turned away {len(away)} times in the middle of its attempt"

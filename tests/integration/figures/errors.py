"""What helped against errors, and how much of the allowed failures is used up."""

from collections.abc import Iterator
from typing import NamedTuple

from tests.integration.figures.entries import NOTHING, Entry, Expected, Figure, Metric, Window, entries, share
from tests.integration.figures.tasks import ALL, FAILED
from tests.integration.figures.world import Attempt, Json, Scope, World

OBJECTIVE_PERCENT = 95


class Tried(NamedTuple):
    """A recovery that was tried: when, against which error, how, and whether it worked."""

    at: int
    error: Json | None
    strategy: str
    worked: bool


def strategy_of(text: str | None) -> str:
    """Its words without case, spacing and final dot."""
    return " ".join((text or "").split()).casefold().rstrip(".") or "unspecified"


def _meant(recovery: Json, errors: list[Json]) -> Json | None:
    """The error that it names; else the newest of its type before it, else the first after it."""
    body = recovery["body"]
    named = [one for one in errors if one["event_id"] == body.get("error_event_id")]
    of_type = [one for one in errors if one["body"]["error_type"] == body["error_type"]]
    before = [one for one in of_type if one["seq"] <= recovery["seq"]]
    return next(iter([*named, *reversed(before), *of_type]), None)


def _tried_in(attempt: Attempt) -> Iterator[Tried]:
    errors, told = attempt.of("error"), set[str]()
    for one in attempt.of("recovery"):
        error = _meant(one, errors)
        told.add(error["event_id"] if error else "")
        yield Tried(one["ms"], error, strategy_of(one["body"]["strategy"]), one["body"]["successful"])
    for one in errors:
        body = one["body"]
        if body.get("recovery_attempted") and one["event_id"] not in told:
            worked = body.get("recovery_successful") is True
            yield Tried(one["ms"], one, strategy_of(body.get("recovery_strategy")), worked)


def _groups(tried: Tried) -> frozenset[Scope]:
    own = [("strategy", tried.strategy)]
    if tried.error is not None:
        own.append(("recovery", f"{tried.error['body']['error_type']} / {tried.strategy}"))
    return frozenset(own)


def recoveries(*, successful: bool) -> Metric:
    """Recoveries that were tried, or those that worked."""

    def metric(world: World) -> Iterator[Entry]:
        for attempt in world.attempts:
            for one in _tried_in(attempt) if attempt.about else ():
                yield Entry(one.at, _groups(one), one.worked if successful else 1)

    return metric


def budget(world: World, scope: Scope, window: Window, _evidence: str | None) -> Expected:
    """Failures as a share of those that the objective allows."""
    tasks, failed = (len(entries(world, metric, scope, window)) for metric in (ALL, FAILED))
    if not tasks:
        return NOTHING
    return Expected(100 * failed / (tasks * (100 - OBJECTIVE_PERCENT) / 100), tasks, accuracy=1e-4)


TRIED, WORKED = recoveries(successful=False), recoveries(successful=True)

FIGURES: dict[str, Figure] = {"recovery_rate": share([WORKED], [TRIED]), "error_budget_burned": budget}

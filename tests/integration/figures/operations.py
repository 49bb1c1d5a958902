"""Calls of the agents' tools, hotspots of profiles, and benchmarks."""

from collections import defaultdict
from collections.abc import Iterator

from tests.integration.figures.entries import Entry, Figure, mean, quantile, share, total
from tests.integration.figures.world import Attempt, Json, World

TIMED = {"cpu", "overall"}
WORSE_BY = 0.05


def _ends(world: World) -> Iterator[Json]:
    for one in world.events:
        if one["kind"] == "tool_call" and one["body"].get("status", "completed") != "started":
            yield one


def calls(world: World) -> Iterator[Entry]:
    """Calls that ended, when they did."""
    return (Entry(one["ms"], frozenset([("operation", one["body"]["tool_name"])]), 1) for one in _ends(world))


def failed(world: World) -> Iterator[Entry]:
    """Those that failed."""
    for one in _ends(world):
        if one["body"].get("status") == "failed":
            yield Entry(one["ms"], frozenset([("operation", one["body"]["tool_name"])]), 1)


def call_ms(world: World) -> Iterator[Entry]:
    """As the end says; else from start to end of a call id."""
    for one in _ends(world):
        if one["body"].get("duration_ms") is not None:
            yield Entry(one["ms"], frozenset([("operation", one["body"]["tool_name"])]), one["body"]["duration_ms"])
    for attempt in world.attempts:
        yield from _paired(attempt) if attempt.about else ()


def _paired(attempt: Attempt) -> Iterator[Entry]:
    starts: defaultdict[str, list[int]] = defaultdict(list)
    ends: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for one in attempt.of("tool_call"):
        body, call = one["body"], one["body"].get("call_id")
        if call is None or body.get("duration_ms") is not None:
            continue
        if body.get("status") == "started":
            starts[call].append(one["ms"])
        else:
            ends[call].append((one["ms"], body["tool_name"]))
    for call, ended in ends.items():
        if call in starts:
            at, tool = max(at for at, _ in ended), max(tool for _, tool in ended)
            yield Entry(at, frozenset([("operation", tool)]), max(at - min(starts[call]), 0))


def _profiles(attempt: Attempt) -> list[Json]:
    told = attempt.of("profile") if attempt.about else []
    return [one for one in told if one["body"]["profile_type"] in TIMED and one["body"].get("hotspots")]


def _spots(world: World) -> Iterator[tuple[int, tuple[str, str], list[tuple[Json, int | None]]]]:
    """Each function of an attempt: when it counts, what it is, and what its profiles say of it, in order."""
    for attempt in world.attempts:
        profiles = _profiles(attempt)
        at = attempt.at(max((one["ms"] for one in profiles), default=None))
        found: defaultdict[str, list[tuple[Json, int | None]]] = defaultdict(list)
        for one in profiles:
            for spot in one["body"]["hotspots"]:
                found[spot["function"]].append((spot, one["body"].get("duration_ms")))
        for function, told in found.items():
            assert at is not None
            yield at, ("hotspot", f"{attempt.repository} / {function}"), told


def seen(world: World) -> Iterator[Entry]:
    """Profiles that name a function."""
    return (Entry(at, frozenset([scope]), len(told)) for at, scope, told in _spots(world))


def share_percent(world: World) -> Iterator[Entry]:
    """Its newest share of the time."""
    for at, scope, told in _spots(world):
        spot, duration = told[-1]
        share_of_it = spot.get("percent")
        if share_of_it is None and spot.get("self_time_ms") is not None and duration:
            share_of_it = min(100 * spot["self_time_ms"] / duration, 100)
        if share_of_it is not None:
            yield Entry(at, frozenset([scope]), share_of_it)


def self_time(world: World) -> Iterator[Entry]:
    """Its newest time of its own, in ms."""
    for at, scope, told in _spots(world):
        if told[-1][0].get("self_time_ms") is not None:
            yield Entry(at, frozenset([scope]), told[-1][0]["self_time_ms"])


def _measured(world: World) -> Iterator[tuple[Entry, Json]]:
    for attempt in world.attempts:
        newest: dict[tuple[str, str, str], Json] = {}
        for one in attempt.of("benchmark") if attempt.about else ():
            newest[one["body"]["benchmark_name"], one["body"]["unit"], one["evidence"]] = one
        for (name, unit, evidence), one in newest.items():
            at = one["ms"] if attempt.ended is None else attempt.ended
            groups = frozenset([("benchmark", f"{attempt.repository} / {name} / {unit}")])
            yield Entry(at, groups, one["body"]["value"], evidence), one["body"]


def benchmark(world: World) -> Iterator[Entry]:
    """The newest value of each attempt."""
    return (entry for entry, _ in _measured(world))


def to_baseline(world: World) -> Iterator[Entry]:
    """The value as a multiple of its baseline."""
    for entry, body in _measured(world):
        if (body.get("baseline") or 0) > 0:
            yield entry._replace(value=body["value"] / body["baseline"])


def worse(world: World) -> Iterator[Entry]:
    """Worse than the baseline by more than 5 %."""
    for entry, body in _measured(world):
        if (body.get("baseline") or 0) > 0:
            times = body["value"] / body["baseline"]
            is_worse = times > 1 + WORSE_BY if body.get("lower_is_better", True) else times < 1 - WORSE_BY
            yield entry._replace(value=int(is_worse))


FIGURES: dict[str, Figure] = {
    "calls": total(calls),
    "call_p50": quantile(call_ms, 0.5),
    "call_p95": quantile(call_ms, 0.95),
    "call_failure_rate": share([failed], [calls]),
    "hotspot_share": mean(share_percent),
    "hotspot_self_time_p50": quantile(self_time, 0.5),
    "profiles": total(seen),
    "benchmark_p50": quantile(benchmark, 0.5),
    "benchmark_ratio": mean(to_baseline),
    "benchmark_worse": total(worse),
}

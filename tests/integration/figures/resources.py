"""What is used: memory and its leaks, processor, disk, network and connections."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import sqrt
from typing import NamedTuple

import numpy as np

from tests.integration.figures.coverage import number_in
from tests.integration.figures.entries import HOUR_MS, LEVELS, Entry, Figure, Metric, per, quantile, share
from tests.integration.figures.tasks import ATTEMPTS, ended_attempts
from tests.integration.figures.world import SYSTEM, Attempt, Json, World

NAMES = {
    "memory": {"memory_used": "used_mb", "heap_used": "heap_used_mb"},
    "cpu": {"cpu": "percent"},
    "disk": {"disk_read": "read_mb", "disk_write": "write_mb", "disk_used": "used_mb"},
    "network": {"sent": "sent_mb", "received": "received_mb", "requests": "requests"},
    "database": {"connections": "connections_active", "connections_max": "connections_max"},
    "api": {},
}
IN_PROGRESS = {"memory_used": "memory_usage_mb", "cpu": "cpu_usage_percent"}
Z = 1.959964
LEAK_SAMPLES, LEAK_MB, LEAK_SHARE, LEAK_SPAN_H = 10, 16, 0.1, 1 / 60
SPIKE_POINTS = 20


class Slope(NamedTuple):
    """Growth in an hour, with Sen's 95 % interval."""

    value: float
    low: float
    high: float


def value_in(one: Json, what: str) -> float | None:
    """A measure that a report tells."""
    body = one["body"]
    if one["kind"] == "progress":
        return number_in(body.get("metrics", {}), IN_PROGRESS[what]) if what in IN_PROGRESS else None
    if one["kind"] == "resource" and what in NAMES[body["resource_type"]]:
        return number_in(body["metrics"], NAMES[body["resource_type"]][what])
    return None


def used(what: str) -> Metric:
    """Of system and worker when it was reported; of all others at the attempt's end."""

    def metric(world: World) -> Iterator[Entry]:
        for one in world.events:
            if (value := value_in(one, what)) is not None:
                yield Entry(one["ms"], frozenset([SYSTEM, ("worker", one["worker_id"])]), value, one["evidence"])
        for attempt, at in ended_attempts(world):
            groups = frozenset(group for group in attempt.groups if group[0] in {"agent", "model", "repository"})
            for one in attempt.of("resource", "progress"):
                if (value := value_in(one, what)) is not None:
                    yield Entry(at, groups, value, one["evidence"])

    return metric


def seen(name: str) -> Metric:
    """What the worker observed of the agent's processes."""

    def metric(world: World) -> Iterator[Entry]:
        for attempt, at in ended_attempts(world):
            if attempt.observed:
                yield Entry(at, attempt.groups, attempt.observed.get(name, 0), "observed")

    return metric


def peak(world: World) -> Iterator[Entry]:
    """The largest memory: as it was observed, and as the agent reported it."""
    yield from seen("memory_peak_mb")(world)
    for attempt, at in ended_attempts(world):
        told: list[float] = []
        for one in attempt.of("resource", "progress"):
            value = value_in(one, "memory_used")
            if one["evidence"] == "reported" and value is not None:
                more = number_in(one["body"]["metrics"], "peak_mb") if one["kind"] == "resource" else None
                told += [value, value if more is None else more]
        if told:
            yield Entry(at, attempt.groups, max(told), "reported")


def samples_of(attempt: Attempt, what: str, least: int) -> list[tuple[int, float]]:
    """Time and value at the best evidence that has so many."""
    for level in LEVELS:
        told = [
            (one["ms"], value)
            for one in attempt.of("resource", "progress")
            if one["evidence"] == level and (value := value_in(one, what)) is not None
        ]
        if len(told) >= least:
            return told
    return []


def theil_sen(points: Sequence[tuple[float, float]]) -> Slope | None:
    """The median of all slopes, and the ranks that Kendall's S leaves open (Sen 1968, with ties)."""
    slopes = sorted((b - a) / (t - s) for (s, a), (t, b) in combinations(points, 2) if s != t)
    if not slopes:
        return None

    def spread(many: np.ndarray) -> float:
        return float(np.sum(many * (many - 1) * (2 * many + 5)))

    ties = sum(spread(np.unique(axis, return_counts=True)[1]) for axis in np.array(points).T)
    half = Z * sqrt(max(spread(np.array([len(points)])) - ties, 0) / 18)
    low, high = (len(slopes) - half) / 2, (len(slopes) + half) / 2
    ends = max(round(low) - 1, 0), min(round(high), len(slopes) - 1)
    return Slope(float(np.median(slopes)), slopes[ends[0]], slopes[ends[1]])


def leak_of(attempt: Attempt) -> Slope | None:
    """By how many MB an hour memory grew, if it surely did."""
    samples = samples_of(attempt, "heap_used", LEAK_SAMPLES) or samples_of(attempt, "memory_used", LEAK_SAMPLES)
    if not samples:
        return None
    began = min(at for at, _ in samples)
    points = [((at - began) / HOUR_MS, value) for at, value in samples]
    span, slope = max(hours for hours, _ in points), theil_sen(points)
    least = max(LEAK_MB, LEAK_SHARE * float(np.median([value for _, value in points])))
    grew = slope is not None and span >= LEAK_SPAN_H and slope.low > 0 and slope.value * span >= least
    return slope if grew else None


def leaks(world: World) -> Iterator[Entry]:
    """Attempts whose memory grew."""
    return (Entry(at, attempt.groups, 1) for attempt, at in ended_attempts(world) if leak_of(attempt))


def leak_slopes(world: World) -> Iterator[Entry]:
    """By how much it grew."""
    return (Entry(at, one.groups, slope.value) for one, at in ended_attempts(world) if (slope := leak_of(one)))


def spikes(world: World) -> Iterator[Entry]:
    """Samples of the processor far above the attempt's own median."""
    for attempt, at in ended_attempts(world):
        told = np.array([value for _, value in samples_of(attempt, "cpu", 1)])
        if len(told):
            middle = np.median(told)
            limit = middle + 3 * 1.4826 * np.median(np.abs(told - middle))
            yield Entry(at, attempt.groups, int(np.sum((told > limit) & (told >= middle + SPIKE_POINTS))))


FIGURES: dict[str, Figure] = {
    "memory_peak_p50": quantile(peak, 0.5),
    "memory_peak_p95": quantile(peak, 0.95),
    "memory_peak_max": quantile(peak, 1),
    "memory_used_p95": quantile(used("memory_used"), 0.95),
    "heap_used_p95": quantile(used("heap_used"), 0.95),
    "leaking_attempts": share([leaks], [ATTEMPTS]),
    "leak_slope_p50": quantile(leak_slopes, 0.5),
    "cpu_time_p50": quantile(seen("cpu_ms"), 0.5),
    "cpu_time_p95": quantile(seen("cpu_ms"), 0.95),
    "agent_time_p50": quantile(seen("wall_ms"), 0.5),
    "cpu_percent_p50": quantile(used("cpu"), 0.5),
    "cpu_percent_p95": quantile(used("cpu"), 0.95),
    "cpu_spikes_per_attempt": per([spikes], ATTEMPTS),
    "disk_read_p95": quantile(used("disk_read"), 0.95),
    "disk_write_p95": quantile(used("disk_write"), 0.95),
    "disk_used_p95": quantile(used("disk_used"), 0.95),
    "network_sent_p95": quantile(used("sent"), 0.95),
    "network_received_p95": quantile(used("received"), 0.95),
    "network_requests_p95": quantile(used("requests"), 0.95),
    "connections_p95": quantile(used("connections"), 0.95),
    "connections_allowed": quantile(used("connections_max"), 0.5),
}

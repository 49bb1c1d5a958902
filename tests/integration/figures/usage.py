"""Tokens and what they cost, and quotas of external services."""

from collections.abc import Iterator

import numpy as np

from tests.integration.figures.entries import (
    HOUR_MS,
    LEVELS,
    NOTHING,
    Entry,
    Expected,
    Figure,
    Metric,
    Window,
    entries,
    per,
    quantile,
    ratio,
    total,
)
from tests.integration.figures.resources import theil_sen
from tests.integration.figures.tasks import COMPLETED
from tests.integration.figures.world import Attempt, Json, Scope, World

MILLIONTH = 1e-6
NAMES = {"input": "input_tokens", "output": "output_tokens", "cached": "cached_tokens"}
Spent = dict[str, float]


def _micro(usd: float | None) -> int:
    return round((usd or 0) * 1_000_000)


def _spent(attempt: Attempt) -> Iterator[tuple[int, str, Spent]]:
    """When, how sure and how much: as observed of the whole attempt, else the sums of what was told."""
    seen = attempt.observed
    if attempt.ended is not None and (seen.get("tokens_input") or seen.get("tokens_output")):
        amounts: Spent = {name: seen.get(f"tokens_{name}", 0) for name in NAMES}
        yield attempt.ended, "observed", amounts | {"cost": _micro(seen.get("cost_usd"))}
        return
    for level in LEVELS:
        told = [one for one in attempt.of("token_usage") if one["evidence"] == level]
        if told:
            bodies = [one["body"] for one in told]
            amounts = {name: sum(body.get(field, 0) for body in bodies) for name, field in NAMES.items()}
            cost = sum(_micro(body.get("cost_usd")) for body in bodies)
            yield max(one["ms"] for one in told), level, amounts | {"cost": cost}


def spent(*whats: str, scale: float = 1.0) -> Metric:
    """What each attempt used, added up."""

    def metric(world: World) -> Iterator[Entry]:
        for attempt in world.attempts:
            for at, level, amounts in _spent(attempt):
                yield Entry(at, attempt.groups, sum(amounts[what] for what in whats) * scale, level)

    return metric


INPUT, OUTPUT, CACHED, COST = spent("input"), spent("output"), spent("cached"), spent("cost")
TOKENS, USD = spent("input", "output"), spent("cost", scale=MILLIONTH)


def _quotas(world: World) -> Iterator[tuple[Json, Scope, float, float | None]]:
    for one in world.events:
        body = one["body"]
        if one["kind"] == "resource" and body["resource_type"] == "api":
            body = body["metrics"]
        elif one["kind"] != "api_quota":
            continue
        parts = (body["provider"], body.get("endpoint") or "", body.get("unit") or "requests")
        yield one, ("quota", " ".join(part for part in parts if part)), body["quota_used"], body.get("quota_limit")


def quota_used(world: World) -> Iterator[Entry]:
    """How much is used."""
    return (Entry(one["ms"], frozenset([quota]), used, None, one["event_id"]) for one, quota, used, _ in _quotas(world))


def quota_limit(world: World) -> Iterator[Entry]:
    """How much may be."""
    for one, quota, _, limit in _quotas(world):
        if limit is not None:
            yield Entry(one["ms"], frozenset([quota]), limit, None, one["event_id"])


def share_used(world: World, scope: Scope, window: Window, _evidence: str | None) -> Expected:
    """The newest use of the newest limit, in percent."""
    used, limit = (entries(world, metric, scope, window) for metric in (quota_used, quota_limit))
    return Expected(100 * used[-1].value / limit[-1].value, 1) if used and limit else NOTHING


def burn(world: World, scope: Scope, window: Window, _evidence: str | None) -> Expected:
    """The median slope of the newest use of each hour, since it last fell."""
    hours = {one.at // HOUR_MS: one for one in entries(world, quota_used, scope, window)}
    points = [(one.at / HOUR_MS, one.value) for one in hours.values()]
    falls = [place for place in range(1, len(points)) if points[place][1] < points[place - 1][1]]
    since = points[falls[-1] if falls else 0 :]
    slope = theil_sen(since) if len(since) >= 3 else None
    return Expected(slope.value if slope else None, len(since))


def exhaustion(world: World, scope: Scope, window: Window, evidence: str | None) -> Expected:
    """In how many hours nothing is left, at that speed."""
    used, limit = (entries(world, metric, scope, window) for metric in (quota_used, quota_limit))
    slope = burn(world, scope, window, evidence)
    if not limit or slope.value is None or slope.value <= 0:
        return Expected(None, slope.samples)
    return Expected(float(np.maximum(limit[-1].value - used[-1].value, 0)) / slope.value, slope.samples)


FIGURES: dict[str, Figure] = {
    "tokens_input": total(INPUT, samples=TOKENS),
    "tokens_output": total(OUTPUT, samples=TOKENS),
    "tokens_cached_share": ratio(CACHED, INPUT, TOKENS),
    "tokens_per_attempt_p50": quantile(TOKENS, 0.5),
    "tokens_per_attempt_p95": quantile(TOKENS, 0.95),
    "cost_total": total(COST, scale=MILLIONTH, samples=USD),
    "cost_per_attempt_p50": quantile(USD, 0.5),
    "cost_per_attempt_p95": quantile(USD, 0.95),
    "cost_per_completed_attempt": per([COST], COMPLETED, MILLIONTH),
    "quota_used": share_used,
    "quota_burn": burn,
    "quota_exhaustion": exhaustion,
}

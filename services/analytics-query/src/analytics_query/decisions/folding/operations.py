"""Calls of the agents' own tools, functions in which time is spent, and benchmarks."""

from datetime import UTC, datetime
from typing import Any

from analytics_query.decisions.folding.crediting import NewestValues, credited_at, later
from analytics_query.decisions.folding.groups import class_of, entities_of
from analytics_query.decisions.folding.tables import Credit, Direct, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.decisions.numbers import sane
from analytics_query.decisions.sampling import admitted, digest
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.documents.operations import Call, Hot, Measured
from analytics_query.domain.vocabulary import Dimension, clipped, joined, with_evidence
from contracts.events.reporting import CallStatus
from contracts.events.resources import ProfileType

MAX_CALLS = 128
MAX_HOTSPOTS = 64
MAX_BENCHMARKS = 64
WORSE_BY = 0.05
TIMED = frozenset({ProfileType.cpu, ProfileType.overall})
"""Profiles whose shares are shares of time."""


def ratio(measured: Measured) -> float | None:
    """The value as a multiple of the baseline; None without one that is above zero."""
    return measured.value / measured.baseline if measured.baseline is not None and measured.baseline > 0 else None


def is_worse(measured: Measured) -> bool:
    """Whether it is worse than the baseline by more than `WORSE_BY`."""
    times = ratio(measured)
    if times is None:
        return False
    return times > 1 + WORSE_BY if measured.lower_is_better else times < 1 - WORSE_BY


def _called(document: AttemptDocument, event: Any) -> None:
    # Only what has to be paired: the end of a call says as a rule how long it took.
    body, calls = event.body, document.operations.calls
    if body.call_id is None or body.duration_ms is not None:
        return
    name = digest(body.call_id)
    if not admitted(calls, name, MAX_CALLS):
        return
    known, at_ms = calls.get(name, Call()), _ms(event.occurred_at)
    if body.status is CallStatus.started:
        earliest = at_ms if known.started_ms is None else min(known.started_ms, at_ms)
        calls[name] = known._replace(started_ms=earliest)
    else:
        latest = at_ms if known.ended_ms is None else max(known.ended_ms, at_ms)
        calls[name] = known._replace(ended_ms=latest, tool=max(known.tool, joined(body.tool_name)))


def _called_directly(event: Any, ledger: Ledger) -> None:
    body = event.body
    if body.status is CallStatus.started:
        return
    entity = [(Dimension.operation, joined(body.tool_name))]
    ledger.count(entity, event.occurred_at, "calls")
    ledger.count(entity, event.occurred_at, "calls_failed", int(body.status is CallStatus.failed))
    if body.duration_ms is not None:
        ledger.spread(entity, event.occurred_at, "call_ms", body.duration_ms)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _profiled(document: AttemptDocument, event: Any) -> None:
    operations, body = document.operations, event.body
    if body.profile_type not in TIMED or not body.hotspots:
        return
    operations.profiled_at = later(operations.profiled_at, event.occurred_at)
    for spot in {clipped(spot.function): spot for spot in reversed(body.hotspots)}.values():
        function = clipped(spot.function)
        name = digest(function)
        if admitted(operations.hotspots, name, MAX_HOTSPOTS):
            told = Hot(event.seq, _share(spot, body.duration_ms), sane(spot.self_time_ms), function, 1)
            known = operations.hotspots.get(name)
            operations.hotspots[name] = told if known is None else _newer_hot(known, told)


def _share(spot: Any, duration_ms: int | None) -> float | None:
    if spot.percent is not None:
        return spot.percent
    if spot.self_time_ms is None or not duration_ms:
        return None
    return min(100.0, 100 * spot.self_time_ms / duration_ms)


def _newer_hot(known: Hot, told: Hot) -> Hot:
    newest = max(known, told, key=lambda hot: (hot.seq, hot.share_percent or 0.0, hot.self_time_ms or 0.0))
    return newest._replace(seen=known.seen + 1)


def _benchmarked(document: AttemptDocument, event: Any) -> None:
    body, evidence, value = event.body, event.evidence.value, sane(event.body.value)
    name = digest(body.benchmark_name, body.unit, evidence)
    benchmarks = document.operations.benchmarks
    if value is not None and admitted(benchmarks, name, MAX_BENCHMARKS):
        told = Measured(
            seq=event.seq,
            at=event.occurred_at,
            value=value,
            baseline=sane(body.baseline),
            lower_is_better=body.lower_is_better,
            name=clipped(body.benchmark_name),
            unit=clipped(body.unit),
            evidence=evidence,
        )
        known = benchmarks.get(name)
        benchmarks[name] = told if known is None else max(known, told, key=_place)


def _place(measured: Measured) -> tuple[int, datetime, float, float, bool]:
    baseline = float("-inf") if measured.baseline is None else measured.baseline
    return measured.seq, measured.at, measured.value, baseline, measured.lower_is_better


def _credit_calls(_key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    for call in document.operations.calls.values():
        if call.started_ms is not None and call.ended_ms is not None:
            ended_at = datetime.fromtimestamp(call.ended_ms / 1000, UTC)
            lasted_ms = max(0, call.ended_ms - call.started_ms)
            ledger.spread([(Dimension.operation, call.tool)], ended_at, "call_ms", lasted_ms)


def _credit_hotspots(_key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    at, about = credited_at(document, document.operations.profiled_at), document.lifecycle.about
    if at is None or about is None:
        return
    repository, _ = class_of(about)
    for hot in document.operations.hotspots.values():
        entity = [(Dimension.hotspot, joined(repository, hot.function))]
        ledger.count(entity, at, "seen", hot.seen)
        if hot.share_percent is not None:
            ledger.spread(entity, at, "share_percent", hot.share_percent)
        if hot.self_time_ms is not None:
            ledger.spread(entity, at, "self_time_ms", hot.self_time_ms)


def _credit_benchmarks(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    about, benchmarks = document.lifecycle.about, document.operations.benchmarks
    if about is None or not benchmarks:
        return
    repository, _ = class_of(about)
    newest_values = NewestValues(key, document, entities_of(key, document))
    for measured in sorted(benchmarks.values(), key=_place):
        entity = [(Dimension.benchmark, joined(repository, measured.name, measured.unit))]
        at = document.lifecycle.ended_at or measured.at
        value = with_evidence("value", measured.evidence)
        ledger.count(entity, at, "measured")
        ledger.spread(entity, at, value, measured.value)
        newest_values.enter(ledger, value, measured.value, entity)
        newest_values.enter(ledger, "lower_is_better", float(measured.lower_is_better), entity)
        ledger.count(entity, at, with_evidence("worse", measured.evidence), int(is_worse(measured)))
        times = sane(ratio(measured))
        if times is not None:
            ledger.spread(entity, at, with_evidence("ratio", measured.evidence), times)


FOLDS: dict[str, Fold] = {"tool_call": _called, "profile": _profiled, "benchmark": _benchmarked}
CREDITS: tuple[Credit, ...] = (_credit_calls, _credit_hotspots, _credit_benchmarks)
DIRECT: dict[str, Direct] = {"tool_call": _called_directly}

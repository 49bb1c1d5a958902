"""What is used: samples of memory, processor, disk, network and database, and quotas of services."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from analytics_query.decisions.folding.crediting import OWN, without
from analytics_query.decisions.folding.groups import entities_of
from analytics_query.decisions.folding.tables import Credit, Direct, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.decisions.numbers import number, sane, seconds_since_1970
from analytics_query.decisions.sampling import admitted, digest
from analytics_query.decisions.statistics.robust import Slope, peaks, theil_sen
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.documents.resources import Resources, Series
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Entity, joined, with_evidence
from contracts.events import Evidence
from contracts.events.resources import UsedResource

MAX_SAMPLE = 128
"""Values of one series that are kept of an attempt."""
MEMORY, HEAP, CPU = "memory_used_mb", "heap_used_mb", "cpu_percent"
REPORTED_MEMORY = with_evidence(MEMORY, Evidence.reported.value)
METRICS: dict[UsedResource, tuple[tuple[str, str], ...]] = {
    UsedResource.memory: ((MEMORY, "used_mb"), (HEAP, "heap_used_mb")),
    UsedResource.cpu: ((CPU, "percent"),),
    UsedResource.disk: (("disk_read_mb", "read_mb"), ("disk_write_mb", "write_mb"), ("disk_used_mb", "used_mb")),
    UsedResource.network: (("sent_mb", "sent_mb"), ("received_mb", "received_mb"), ("requests", "requests")),
    UsedResource.api: (),
    UsedResource.database: (
        ("connections_active", "connections_active"),
        ("connections_max", "connections_max"),
    ),
}
"""Which figure of a report is which metric."""
LEAK_SAMPLES = 10
LEAK_SPAN_H = 1 / 60
LEAK_MB, LEAK_SHARE = 16.0, 0.1
"""A slope is told of so many samples over so much time, if in it so much memory was added, and such a share of what is
used. By its interval alone, one in forty attempts that do not leak would be told."""
SPIKE_POINTS = 20.0
MS_PER_H = 3_600_000
REQUESTS = "requests"


def leak_of(resources: Resources) -> Slope | None:
    """How many MB an hour memory grew, if it surely did: by the heap if it was sampled, and the best evidence."""
    for metric in (HEAP, MEMORY):
        series = _best(resources, metric, LEAK_SAMPLES)
        if series is not None:
            return _leak(sorted(series.sample.values()))
    return None


def _best(resources: Resources, metric: str, least: int) -> Series | None:
    """The series of a metric at the best evidence that has so many samples: levels are never mixed."""
    levels = (resources.series.get(with_evidence(metric, level.value)) for level in reversed(tuple(Evidence)))
    return next((series for series in levels if series is not None and len(series.sample) >= least), None)


def _leak(samples: list[tuple[int, float]]) -> Slope | None:
    began_ms = samples[0][0]
    points = [((at_ms - began_ms) / MS_PER_H, value) for at_ms, value in samples]
    span_h = points[-1][0]
    slope = theil_sen(points) if span_h >= LEAK_SPAN_H else None
    least_mb = max(LEAK_MB, LEAK_SHARE * median(value for _, value in points))
    grew = slope is not None and slope.low > 0 and slope.value * span_h >= least_mb
    return slope if grew else None


def cpu_spikes(series: Series) -> int:
    """How many samples stand far above the usual; of a series that is kept in part, the share in that part."""
    spikes = peaks([value for _, value in series.sample.values()], SPIKE_POINTS)
    return round(spikes * series.seen / len(series.sample))


def _used(document: AttemptDocument, event: Any) -> None:
    body = event.body
    told = number(body.metrics, "peak_mb") if body.resource_type is UsedResource.memory else None
    for metric, value in _values_of(event):
        peak = told if told is not None and metric.startswith(MEMORY) else value
        _sample(document.resources, metric, event, value, max(value, peak))


def _progress(document: AttemptDocument, event: Any) -> None:
    for metric, value in _progress_values(event):
        _sample(document.resources, metric, event, value, value)


def _sample(resources: Resources, metric: str, event: Any, value: float, peak: float) -> None:
    known = resources.series.get(metric, Series(0, peak, {}))
    name = digest(event.event_id)
    if admitted(known.sample, name, MAX_SAMPLE):
        known.sample[name] = (int(event.occurred_at.timestamp() * 1000), value)
    resources.series[metric] = Series(known.seen + 1, max(known.peak, peak), known.sample)


def _values_of(event: Any) -> Iterator[tuple[str, float]]:
    body = event.body
    for metric, name in METRICS[body.resource_type]:
        value = number(body.metrics, name)
        if value is not None:
            yield with_evidence(metric, event.evidence.value), value


def _progress_values(event: Any) -> Iterator[tuple[str, float]]:
    metrics = event.body.metrics
    for metric, value in ((MEMORY, sane(metrics.memory_usage_mb)), (CPU, sane(metrics.cpu_usage_percent))):
        if value is not None:
            yield with_evidence(metric, event.evidence.value), value


def _own(event: Any) -> list[Entity]:
    return [(Dimension.system, SYSTEM), (Dimension.worker, event.worker_id)]


def _used_directly(event: Any, ledger: Ledger) -> None:
    own = _own(event)
    for metric, value in _values_of(event):
        ledger.spread(own, event.occurred_at, metric, value)
    if event.body.resource_type is UsedResource.api:
        _api_usage(event, ledger)


def _progress_directly(event: Any, ledger: Ledger) -> None:
    own = _own(event)
    for metric, value in _progress_values(event):
        ledger.spread(own, event.occurred_at, metric, value)


def _api_usage(event: Any, ledger: Ledger) -> None:
    metrics = event.body.metrics
    used = number(metrics, "quota_used")
    if used is not None:
        resets_at_s = seconds_since_1970(metrics.get("resets_at"))
        unit, endpoint = str(metrics.get("unit") or REQUESTS), str(metrics.get("endpoint") or "")
        quota = joined(str(metrics.get("provider") or "-"), endpoint, unit)
        _quota(event, ledger, quota, used, number(metrics, "quota_limit"), resets_at_s)


def _quota_directly(event: Any, ledger: Ledger) -> None:
    body = event.body
    used = sane(body.quota_used)
    if used is not None:
        resets_at_s = body.resets_at.timestamp() if body.resets_at else None
        quota = joined(body.provider, body.endpoint or "", body.unit)
        _quota(event, ledger, quota, used, sane(body.quota_limit), resets_at_s)


def _quota(event: Any, ledger: Ledger, quota: str, used: float, limit: float | None, resets_at_s: float | None) -> None:
    entity = [(Dimension.quota, quota)]
    ledger.count(entity, event.occurred_at, "readings")
    ledger.spread(entity, event.occurred_at, "used", used)
    for metric, value in (("used", used), ("limit", limit), ("resets_at_s", resets_at_s)):
        if value is not None:
            ledger.last(entity, event.occurred_at, metric, value, event.event_id)


def _credit(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    resources, at = document.resources, document.lifecycle.ended_at
    if at is None or not resources.series:
        return
    entities = entities_of(key, document)
    groups = without(entities, OWN)
    for metric, series in resources.series.items():
        for _, value in series.sample.values():
            ledger.spread(groups, at, metric, value)
    processor = _best(resources, CPU, 1)
    if processor is not None:
        ledger.count(entities, at, "cpu_spikes", cpu_spikes(processor))
    told = resources.series.get(REPORTED_MEMORY)
    if told is not None:
        ledger.spread(entities, at, with_evidence("memory_peak_mb", Evidence.reported.value), told.peak)
    leak = leak_of(resources)
    if leak is not None:
        ledger.spread(entities, at, "leak_mb_per_hour", leak.value)
        ledger.count(entities, at, "leaks")


FOLDS: dict[str, Fold] = {"resource": _used, "progress": _progress}
CREDITS: tuple[Credit, ...] = (_credit,)
DIRECT: dict[str, Direct] = {
    "resource": _used_directly,
    "progress": _progress_directly,
    "api_quota": _quota_directly,
}

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from analytics_query.decisions.folding import resources
from analytics_query.domain.documents.resources import Resources, Series
from analytics_query.domain.spreads import ACCURACY
from analytics_query.domain.vocabulary import SYSTEM, Dimension
from contracts.events import EventBase, Evidence
from tests.support.examples import NOW
from tests.support.folding import KEY, folded, in_batches, reported


def used(seq: int, resource_type: str, at_s: float | None = None, **metrics: Any) -> EventBase:
    at = NOW + timedelta(seconds=seq * 10 if at_s is None else at_s)
    return reported("resource", seq, {"resource_type": resource_type, "metrics": metrics}, occurred_at=at)


def memory(values: np.ndarray[Any, Any], every_s: float = 10, **names: str) -> list[EventBase]:
    name = names.get("name", "used_mb")
    return [used(seq, "memory", seq * every_s, **{name: value}) for seq, value in enumerate(values.tolist(), 1)]


def test_the_system_and_the_worker_are_told_every_value_when_it_was_reported() -> None:
    values = np.random.default_rng(1).gamma(3, 100, 500)
    result = in_batches([memory(values)])
    for entity in ((Dimension.system, SYSTEM), (Dimension.worker, KEY.worker_id)):
        spread = result.spread("memory_used_mb@reported", *entity)
        assert (spread.count, spread.mean) == (500, pytest.approx(values.mean(), abs=1e-6))
        for q in (0.5, 0.95):
            expected = np.quantile(values, q, method="lower")
            assert spread.quantile(q) == pytest.approx(expected, rel=2 * ACCURACY)


def test_other_groups_are_told_a_sample_that_is_bounded() -> None:
    values = np.random.default_rng(2).normal(500, 50, 1_000)
    result = folded(*memory(values))
    spread = result.spread("memory_used_mb@reported")
    assert spread.count == resources.MAX_SAMPLE
    assert spread.quantile(0.5) == pytest.approx(np.median(values), rel=0.05)
    assert result.spread("memory_peak_mb@reported").mean == pytest.approx(values.max())
    assert result.spread("memory_used_mb@reported", Dimension.system, SYSTEM).count == 1_000


def test_each_resource_has_its_metrics() -> None:
    result = folded(
        used(1, "memory", used_mb=1, heap_used_mb=2, peak_mb=9),
        used(2, "cpu", percent=3, time_ms=5),
        used(3, "disk", read_mb=4, write_mb=5, used_mb=6),
        used(4, "network", sent_mb=7, received_mb=8, requests=9),
        used(5, "database", connections_active=10, connections_max=11),
        reported("progress", 6, {"metrics": {"memory_usage_mb": 12, "cpu_usage_percent": 13}}),
    )
    told = {
        metric.removesuffix("@reported"): spread.micros / 1e6
        for metric, spread in result.figures().spreads.items()
        if metric.endswith("@reported")
    }
    assert told == {
        "memory_used_mb": 13,
        "heap_used_mb": 2,
        "memory_peak_mb": 12,
        "cpu_percent": 16,
        "disk_read_mb": 4,
        "disk_write_mb": 5,
        "disk_used_mb": 6,
        "sent_mb": 7,
        "received_mb": 8,
        "requests": 9,
        "connections_active": 10,
        "connections_max": 11,
    }


@pytest.mark.parametrize("wrong", ["12", None, True, [1], -1e300])
def test_what_is_no_figure_is_left_out(wrong: Any) -> None:
    assert not folded(used(1, "memory", used_mb=wrong)).figures().spreads.keys() & {"memory_used_mb@reported"}


def test_memory_that_grows_is_a_leak_with_its_slope() -> None:
    rng = np.random.default_rng(3)
    hours = np.arange(1, 61) * 10 / 3600
    values = 200 + 180 * hours + rng.normal(0, 1, 60)
    values[[10, 30]] = 900
    result = folded(*memory(values))
    i, j = np.triu_indices(60, 1)
    expected = np.median((values[j] - values[i]) / (hours[j] - hours[i]))
    assert result.count("leaks") == 1
    assert result.spread("leak_mb_per_hour").mean == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(4).normal(200, 5, 60),
        200 - np.arange(60.0),
        200 + np.arange(9.0) * 50,
        np.full(60, 200.0),
        200 + np.arange(60) * 0.2,
        2_000 + np.arange(60) * 2.0,
    ],
    ids=["noise", "shrinks", "too few", "flat", "too little", "too little of so much"],
)
def test_memory_that_does_not_surely_grow_is_no_leak(values: np.ndarray[Any, Any]) -> None:
    assert folded(*memory(values)).count("leaks") == 0


def test_the_noise_of_attempts_that_do_not_leak_is_hardly_ever_a_leak() -> None:
    rng = np.random.default_rng(6)
    told = 0
    for _ in range(400):
        values = rng.normal(300, 5, 40).tolist()
        sample = {str(place): (place * 10_000, value) for place, value in enumerate(values)}
        noise = Resources(series={"memory_used_mb@reported": Series(40, 0.0, sample)})
        told += resources.leak_of(noise) is not None
    assert told == 0


def test_growth_within_a_minute_is_no_leak() -> None:
    assert folded(*memory(200 + np.arange(30.0), every_s=1)).count("leaks") == 0


def test_the_heap_is_looked_at_before_all_memory() -> None:
    grows, flat = 100 + np.arange(40.0), np.full(40, 300.0)
    heap = [used(seq, "memory", heap_used_mb=h, used_mb=m) for seq, (h, m) in enumerate(zip(flat, grows, strict=True))]
    assert folded(*heap).count("leaks") == 0


def test_spikes_of_the_processor_are_counted() -> None:
    values = np.random.default_rng(5).normal(30, 3, 100)
    values[[5, 50, 70]] = [99, 80, 45]
    centre = np.median(values)
    limit = max(centre + 20, centre + 3 * 1.4826 * np.median(np.abs(values - centre)))
    result = folded(*(used(seq, "cpu", percent=value) for seq, value in enumerate(values.tolist(), 1)))
    assert result.count("cpu_spikes") == int(np.sum(values > limit)) == 2


def test_spikes_that_were_both_observed_and_reported_count_once() -> None:
    values = [30.0] * 60
    values[20] = values[40] = 99
    observed = [used(seq, "cpu", percent=value) for seq, value in enumerate(values, 1)]
    told = [one.model_copy(update={"evidence": Evidence.observed}) for one in observed]
    claims = [used(100 + seq, "cpu", percent=value) for seq, value in enumerate([*values, 99.0], 1)]
    assert [folded(*some).count("cpu_spikes") for some in (told, claims, [*told, *claims])] == [2, 3, 2]


def test_quotas_are_told_as_they_stood_last_wherever_they_were_reported() -> None:
    resets_at = datetime(2026, 1, 2, 5, tzinfo=UTC)
    quota = {"provider": "github", "endpoint": "search", "unit": "requests", "resets_at": resets_at}
    first = reported("api_quota", 1, quota | {"quota_used": 10, "quota_limit": 100})
    second = reported("api_quota", 2, quota | {"quota_used": 30, "quota_limit": 100})
    told = folded(second, first).figures(Dimension.quota, "github", "search", "requests")
    values = {metric: last.value for metric, last in told.lasts.items()}
    assert values == {"used": 30, "limit": 100, "resets_at_s": resets_at.timestamp()}
    assert (told.spreads["used"].count, told.spreads["used"].mean) == (2, 20)


@pytest.mark.parametrize("resets_at", ["2026-01-02T05:00:00Z", "2026-01-02T05:00:00", 1767330000])
def test_use_of_an_api_is_a_quota(resets_at: Any) -> None:
    event = used(1, "api", provider="openai", quota_used=5, quota_limit=50, resets_at=resets_at)
    told = folded(event).figures(Dimension.quota, "openai", "", "requests")
    assert {metric: last.value for metric, last in told.lasts.items()} == {
        "used": 5,
        "limit": 50,
        "resets_at_s": 1767330000,
    }

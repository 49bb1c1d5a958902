"""What reports find in handmade roll-ups: and what they rightly keep silent about."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from analytics_query.decisions.reports import bottlenecks, errors, quality, quotas, resources, summary, trends, trust
from analytics_query.decisions.reports.comparative import comparative_section
from analytics_query.decisions.reports.comparisons import PERFORMANCE, Sides, compare_all
from analytics_query.decisions.reports.definitions import Two
from analytics_query.decisions.reports.performance import RANKED
from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.decisions.reports.regressions import regressions_section
from analytics_query.decisions.reports.words import duration, letter, listed, probability
from analytics_query.decisions.time_ranges import time_range
from analytics_query.domain.rollups import Figures, Key, Last, Rollup
from analytics_query.domain.spreads import Spread
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Entity, Resolution, joined
from contracts.base import Level
from tests.support.spreads import spread

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
RANDOM = np.random.default_rng(11)
SEEDED = RANDOM.bit_generator.state
ALL = ("all",)


def reading(
    spans: Mapping[Span, Mapping[Entity, Figures]], series: Mapping[Entity, list[Rollup]] | None = None
) -> Reading:
    return Reading(time_range("last_24_hours", NOW), NOW, spans, series or {})


@pytest.fixture(autouse=True)
def same_numbers_in_any_order() -> None:
    RANDOM.bit_generator.state = SEEDED


def times(middle: float, many: int) -> Spread:
    return spread(middle * RANDOM.lognormal(0, 0.3, many))


def attempts(completed: int, ended: int, **spreads: Spread) -> Figures:
    return Figures(counts={"attempts_ended": ended, "attempts_completed": completed}, spreads=spreads)


def rollups(metric: str, values: list[float], step: timedelta = timedelta(hours=1)) -> list[Rollup]:
    begin = NOW - timedelta(hours=24)
    made: list[Rollup] = []
    for place, value in enumerate(values):
        at = begin + place * step
        lasts = {metric: Last(round(at.timestamp() * 1e6), "e", value)}
        key = Key(Dimension.quota, "q", Resolution.hour, int(at.timestamp()))
        made.append(Rollup(key, Figures(spreads={metric: spread([value])}, lasts=lasts)))
    return made


def test_a_slow_phase_is_found_and_a_steady_one_is_not() -> None:
    slow, steady = (Dimension.phase, joined("shop", "fix", "test")), (Dimension.phase, joined("shop", "fix", "plan"))
    history = {
        slow: Figures(spreads={"phase_ms": times(1_000, 200)}),
        steady: Figures(spreads={"phase_ms": times(500, 200)}),
    }
    now = {slow: Figures(spreads={"phase_ms": times(3_000, 30)}), steady: Figures(spreads={"phase_ms": times(500, 30)})}
    [found] = bottlenecks.slow_findings(reading({Span.now: now, Span.history: history}))
    assert (found.entity_id, found.severity, found.effect_measure) == ("shop / fix / test", Level.high, "mads")
    assert found.p_value is not None
    assert found.p_value < 0.001
    assert "shop / fix / test is slower than before" in found.text


def test_robust_deviations_are_those_of_numpy() -> None:
    history, now = 1_000 * RANDOM.lognormal(0, 0.3, 400), 1_600 * RANDOM.lognormal(0, 0.3, 50)
    middle = np.median(history)
    expected = (np.median(now) - middle) / (1.4826 * np.median(np.abs(history - middle)))
    assert bottlenecks.moved(spread(now), spread(history)) == pytest.approx(expected, rel=0.06)
    assert bottlenecks.moved(spread([1.0]), spread([1.0, 1.0])) is None


def test_chance_alone_is_seldom_told_among_many_classes() -> None:
    def classes(many: int) -> dict[Entity, Figures]:
        return {
            (Dimension.task_class, joined("shop", str(number))): attempts(
                int(RANDOM.binomial(many, 0.8)), many, completed_ms=times(1_000, many)
            )
            for number in range(60)
        }

    section = regressions_section(
        reading({Span.now: classes(30), Span.history: classes(100)}), [Dimension.task_class], ALL
    )
    assert len(section.findings) <= 2
    assert "120 comparisons made" in " ".join(section.notes)


def test_what_is_better_is_an_improvement_and_too_few_are_not_compared() -> None:
    entity = (Dimension.task_class, joined("shop", "fix"))
    few = (Dimension.task_class, joined("shop", "rare"))
    now: dict[Entity, Figures] = {entity: attempts(30, 30, completed_ms=times(500, 30)), few: attempts(0, 5)}
    history: dict[Entity, Figures] = {entity: attempts(90, 100, completed_ms=times(1_000, 90)), few: attempts(5, 5)}
    section = regressions_section(reading({Span.now: now, Span.history: history}), [Dimension.task_class], ALL)
    [found] = section.findings
    assert (found.kind, found.metric, found.entity_id) == ("improvement", "execution_time_p50", "shop / fix")
    assert any("1 comparison not made: fewer than 8 samples" in note for note in section.notes)


def test_a_significant_difference_that_is_too_small_is_not_told() -> None:
    big = Figures(counts={"attempts_ended": 100_000, "attempts_completed": 90_000})
    bit_less = Figures(counts={"attempts_ended": 100_000, "attempts_completed": 89_000})
    compared = compare_all([Sides("a", bit_less, big)], PERFORMANCE)
    assert (compared.made, compared.differences) == (1, [])


def test_each_of_several_workers_is_compared_with_all_the_others() -> None:
    workers = {
        (Dimension.worker, name): attempts(30, 30, completed_ms=times(1_000 if name != "d" else 4_000, 30))
        for name in "abcd"
    }
    whole = Figures()
    for figures in workers.values():
        whole.merge(figures)
    found = comparative_section(
        reading({Span.now: {**workers, (Dimension.system, SYSTEM): whole}}), Dimension.worker, RANKED, ALL, 3, []
    )
    assert found.findings[0].entity_id == "d"
    assert "d is worse than all other workers in time of completed attempts" in found.findings[0].text
    assert [row.rank for row in found.rows] == [1, 2, 3]
    assert found.notes[0] == "1 more not shown; limit says how many are."


@pytest.mark.parametrize(
    ("newest", "rating"),
    [
        ({}, None),
        ({"low": 0}, "A"),
        ({"low": 3}, "B"),
        ({"medium": 1, "low": 9}, "C"),
        ({"high": 1}, "D"),
        ({"critical": 1}, "E"),
    ],
)
def test_the_security_rating_is_the_worst_finding(newest: dict[str, float], rating: str | None) -> None:
    lasts = {f"findings:{severity}@observed": Last(1, "e", count) for severity, count in newest.items()}
    value = quality.rating_of(Figures(lasts=lasts)).value
    assert (None if value is None else letter(value)) == rating


def test_a_scan_that_found_nothing_is_rated_best() -> None:
    assert quality.rating_of(Figures(counts={"security_scans@reported": 1})).value == 1


def test_the_performance_score_is_95_when_nothing_changes_and_falls_when_slower() -> None:
    history = Figures(spreads={"completed_ms": times(1_000, 5_000)})
    same = quality.performance_score(Figures(spreads={"completed_ms": times(1_000, 2_000)}), history)
    slower = quality.performance_score(Figures(spreads={"completed_ms": times(2_000, 2_000)}), history)
    assert same.value == pytest.approx(95, abs=1)
    assert slower.value is not None
    assert slower.value < 65
    assert quality.performance_score(Figures(spreads={"completed_ms": times(1, 7)}), history).value is None


def test_a_leak_is_told_with_its_slope_and_the_share_of_attempts() -> None:
    now = Figures(counts={"leaks": 3, "attempts_ended": 20}, spreads={"leak_mb_per_hour": spread([40, 50, 60])})
    [found] = resources.resources_section(Two(now, Figures(), 24, 24), ["memory"]).findings
    assert (found.kind, found.samples, found.effect_measure) == ("memory_leak", 3, "mb_per_hour")
    assert found.effect == pytest.approx(50, rel=0.011)
    assert "5 to 36 % of attempts" in found.text


def test_a_leak_is_told_with_the_interval_of_its_slope_once_there_are_enough() -> None:
    for many, interval in ((3, ""), (9, "; 95 % interval 19.9 MB to 80.6 MB an hour")):
        slopes = spread([10.0 * (place + 1) for place in range(many)])
        now = Figures(counts={"leaks": many, "attempts_ended": 20}, spreads={"leak_mb_per_hour": slopes})
        [found] = resources.resources_section(Two(now, Figures(), 24, 24), ["memory"]).findings
        assert found.text.endswith(f"an hour in the median (Theil-Sen slope{interval}).")


def test_whose_trust_is_not_shown_is_counted() -> None:
    claims = Figures(counts={"claims": 5, "claims_agreed": 5})
    spans = {Span.now: {(Dimension.worker, f"worker-{number}"): claims for number in range(5)}}
    section = trust.trust_section(reading(spans), Two(claims, Figures(), 24, 24), ALL, 3)
    assert len(section.rows) == 3
    assert section.notes[1:] == ["2 more workers not shown; limit says how many are."]
    assert len(trust.trust_section(reading(spans), Two(claims, Figures(), 24, 24), ALL, 5).notes) == 1


def test_a_quota_is_burnt_down_since_its_last_reset() -> None:
    used = [800.0, 900.0, 10.0, 110.0, 210.0, 310.0]
    last = Figures(lasts={"used": Last(2, "e", 310.0), "limit": Last(2, "e", 1_000.0)})
    quota = quotas.quota_of(last, rollups("used", used))
    assert quota is not None
    assert quota.burn.value == pytest.approx(100)
    assert quota.burn.samples == 4
    assert quota.exhaustion_hours() == pytest.approx(6.9)


@pytest.mark.parametrize(("resets_in_h", "told"), [(None, True), (2, False), (30, True)])
def test_a_quota_is_told_if_it_ends_before_its_reset(resets_in_h: float | None, told: bool) -> None:
    entity = (Dimension.quota, joined("github", "", "requests"))
    lasts = {"used": Last(2, "e", 310.0), "limit": Last(2, "e", 1_000.0)}
    if resets_in_h is not None:
        lasts["resets_at_s"] = Last(2, "e", (NOW + timedelta(hours=resets_in_h)).timestamp())
    series = rollups("used", [10.0, 110.0, 210.0, 310.0])
    section = quotas.quotas_section(reading({Span.now: {entity: Figures(lasts=lasts)}}, {entity: series}), ALL, 10)
    assert section is not None
    assert section.rows[0].entity_id == "github requests"
    assert bool(section.findings) is told


def test_a_trend_is_a_slope_a_week() -> None:
    values = [90 - 0.5 * hour for hour in range(20)]
    series = trends.series_of(
        quality.DEFINITIONS, rollups("line_coverage@observed", values), ALL, ["line_coverage"], NOW
    )
    [trend] = trends.trends_of(series, ALL)
    assert (trend.name, trend.samples) == ("line_coverage_trend", 20)
    assert trend.value == pytest.approx(-0.5 * 24 * 7, rel=1e-3)
    assert trends.trends_of([series[0].model_copy(update={"points": series[0].points[:4]})], ALL) == []


def test_the_error_budget_is_what_the_objective_allows() -> None:
    budget = errors.budget_of(Figures(counts={"tasks_finished": 200, "tasks_failed": 3, "tasks_timed_out": 2}), 95)
    assert budget is not None
    assert (budget.allowed, budget.failed, budget.burned_percent) == (10, 5, 50)
    assert errors.budget_of(Figures(), 95) is None


def test_the_summary_tells_the_worst_first_and_counts_the_rest() -> None:
    entity = (Dimension.task_class, joined("shop", "fix"))
    now: dict[Entity, Figures] = {entity: attempts(10, 40, completed_ms=times(3_000, 10))}
    history: dict[Entity, Figures] = {entity: attempts(99, 100, completed_ms=times(1_000, 99))}
    sections = [regressions_section(reading({Span.now: now, Span.history: history}), [Dimension.task_class], ALL)]
    said = summary.summary_of(sections, ["First."])
    assert said[0] == "First."
    assert "success rate of attempts is worse" in said[1]
    assert "time of completed attempts is worse" in said[2]


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0.5, "0.5 ms"), (840, "840 ms"), (12_340, "12.3 s"), (119_000, "119 s"), (250_000, "4 min 10 s"),
     (7_500_000, "2 h 5 min"), (7_200_000, "2 h"), (200_000_000, "2 d 8 h")],
)  # fmt: skip
def test_durations_are_told_in_two_units_at_most(ms: float, text: str) -> None:
    assert duration(ms) == text


def test_words() -> None:
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert listed(["a", "b"]) == "a and b"
    assert [probability(p) for p in (0.0001, 0.0123, 0.25)] == ["p < 0.001", "p = 0.012", "p = 0.25"]


def test_rates_of_what_is_kept_by_the_hour_are_for_the_hours_that_were_read() -> None:
    now = datetime(2026, 11, 18, 12, 30, tzinfo=UTC)
    worker, counts = (Dimension.worker, "w"), Figures(counts={"attempts_completed": 6})
    reading = Reading(time_range("5m", now), now, {Span.now: {worker: counts, (Dimension.system, SYSTEM): counts}})
    by_worker, by_system = reading.two(*worker), reading.system
    assert by_worker.hours == pytest.approx(0.5)
    assert by_system.hours == pytest.approx(5 / 60)
    assert (by_worker.hours_before, by_system.hours_before) == (0, pytest.approx(5 / 60))
    day = Reading(time_range("yesterday", now), now, {}).two(*worker)
    assert (day.hours, day.hours_before) == (24, 24)


def test_the_security_rating_is_told_as_a_letter_with_whose_it_is() -> None:
    risky = Figures(lasts={f"findings:{level}@reported": Last(1, "scan", 2.0) for level in ("high", "low")})
    reading = Reading(time_range("last_24_hours", NOW), NOW, {Span.now: {(Dimension.repository, "shop"): risky}})
    sections = quality.quality_sections(reading, Dimension.system, (), ["security"], 5)
    assert quality.opening_of(sections) == ["Quality: security rating D (shop), reported."]

"""Single figures from handmade roll-ups: values, intervals, baselines, evidence."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from analytics_query.decisions.reports import bottlenecks, catalogue, errors, resources, system, tasks, trust, workers
from analytics_query.decisions.reports.definitions import Definition, Two, figures_of
from analytics_query.decisions.reports.evident import names_of, spread_of
from analytics_query.decisions.reports.recipes import Mean, Portion, Quantile, Rate, Total
from analytics_query.decisions.reports.trends import series_of
from analytics_query.domain.rollups import Figures, Key, Last, Rollup
from analytics_query.domain.spreads import Spread
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Resolution
from contracts.analytics import Figure
from contracts.events import Evidence
from tests.support.examples import NOW
from tests.support.figures_document import parts
from tests.support.spreads import spread


def two(now: Figures, before: Figures | None = None, hours: float = 24) -> Two:
    return Two(now, before or Figures(), hours, hours)


def named(figures: list[Figure], name: str) -> Figure:
    return next(one for one in figures if one.name == name)


def test_the_document_shows_every_figure_as_the_code_has_it() -> None:
    assert parts()[1].strip() == catalogue.to_markdown().strip()


def test_no_two_figures_have_one_name() -> None:
    names = [one.name for subject in catalogue.SUBJECTS for one in catalogue.entries(subject)]
    assert len(names) == len(set(names))


def test_the_best_evidence_is_taken_and_the_baseline_has_the_same() -> None:
    now = Figures(spreads={"x@reported": spread([1, 1]), "x@observed": spread([10, 20])})
    before = Figures(spreads={"x@verified": spread([99]), "x@observed": spread([30])})
    figure = Definition("x", "mb", Mean("x@"), ("all",)).figure(two(now, before))
    assert (figure.value, figure.baseline, figure.evidence, figure.samples) == (15, 30, Evidence.observed, 2)


def test_levels_of_evidence_are_not_mixed_in_a_share() -> None:
    now = Figures(counts={"ok@reported": 9, "all@reported": 10, "ok@verified": 0, "all@verified": 4})
    figure = Definition("x", "percent", Portion(("ok@",), ("all@",)), ("all",)).figure(two(now))
    assert (figure.value, figure.samples, figure.evidence) == (0, 4, Evidence.verified)


def test_a_sum_that_is_zero_at_the_best_evidence_is_not_taken_from_lesser_evidence() -> None:
    now = Figures(counts={"bad@observed": 9, "all@observed": 30, "all@verified": 20})
    figure = Definition("x", "count", Total(("bad@",), of="all@"), ("all",)).figure(two(now))
    assert (figure.value, figure.samples, figure.evidence) == (0, 20, Evidence.verified)


@pytest.mark.parametrize(
    ("definition", "counts", "evidence"),
    [
        (errors.RECOVERY, {"tried": 4, "successful": 3}, Evidence.reported),
        (bottlenecks.OPERATION_FIGURES[0], {"calls": 2}, Evidence.reported),
        (tasks.DEFINITIONS[0], {"tasks_created": 2}, None),
        (system.DEFINITIONS[1], {"events": 9}, None),
        (trust.TRUST, {"claims": 4, "claims_agreed": 4}, None),
    ],
)
def test_what_rests_on_the_word_of_agents_is_never_told_as_the_platforms_own(
    definition: Definition, counts: dict[str, int], evidence: Evidence | None
) -> None:
    figure = definition.figure(two(Figures(counts=counts)))
    assert figure.value is not None
    assert figure.evidence is evidence


def test_attempts_that_failed_and_were_tried_again_are_errors_of_their_worker() -> None:
    now = Figures(counts={"attempts_ended": 4, "attempts_completed": 2, "attempts_requeued": 2})
    found = figures_of(workers.DEFINITIONS, two(now), ["error_rate", "success_rate"])
    assert (named(found, "success_rate").value, named(found, "attempt_error_rate").value) == (50, 50)


def test_a_series_has_the_evidence_of_its_figure() -> None:
    key = Key(Dimension.system, SYSTEM, Resolution.hour, 0)
    rollups = [Rollup(key, Figures(counts={"errors:error": 2, "events": 5}))]
    names = ["errors_reported", "events_per_second"]
    found = {one.name: one.evidence for one in series_of(system.DEFINITIONS, rollups, ["all"], names, NOW)}
    assert found == {"errors_reported": Evidence.reported, "events_per_second": None}


def test_the_newest_point_of_a_rate_counts_the_time_that_has_passed() -> None:
    hours = [
        Rollup(Key(Dimension.system, SYSTEM, Resolution.hour, at), Figures(counts={"tasks_completed": 6}))
        for at in (0, 3_600)
    ]
    half_past_one = datetime.fromtimestamp(5_400, UTC)
    [throughput] = series_of(system.DEFINITIONS, hours, ["all"], ["throughput"], half_past_one)
    assert [point.value for point in throughput.points] == [6, 12]


def test_a_rate_counts_the_hours_that_have_passed() -> None:
    figure = Definition("x", "per_hour", Rate(("n",)), ("all",)).figure(two(Figures(counts={"n": 48}), hours=12))
    assert figure.value == 4
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low < 4 < figure.high


def test_a_figure_without_samples_says_so_and_is_left_out_unless_it_is_asked_for() -> None:
    nothing = two(Figures())
    assert {one.name for one in figures_of(tasks.DEFINITIONS, nothing, ["all"])} >= {"completion_rate"}
    assert figures_of(resources.DEFINITIONS, nothing, ["all"]) == []
    asked = figures_of(resources.DEFINITIONS, nothing, ["cost"])
    assert {one.name for one in asked} >= {"cost_total"}
    assert all(one.value is None and one.samples == 0 for one in asked)


def test_too_few_samples_are_told_and_not_shown() -> None:
    definition = Definition("x", "ms", Quantile("t", 0.5), ("all",), minimum=3)
    figure = definition.figure(two(Figures(spreads={"t": spread([1, 2])})))
    assert (figure.value, figure.samples, figure.note) == (None, 2, "fewer than 3 samples")


def test_cost_is_in_dollars_with_its_attempts_as_samples() -> None:
    now = Figures(
        counts={"cost_microusd@observed": 1_500_000, "attempts_completed": 2},
        spreads={"cost_usd@observed": spread([0.5, 1.0])},
    )
    found = figures_of(resources.DEFINITIONS, two(now), ["cost"])
    total, each = named(found, "cost_total"), named(found, "cost_per_completed_attempt")
    assert (total.value, total.samples, each.value, each.samples) == (1.5, 2, 0.75, 2)


@pytest.mark.parametrize(
    ("agreed", "claims", "score"), [(0, 0, None), (1, 1, 20.65), (10, 10, 72.25), (990, 1_000, 98.17)]
)
def test_trust_takes_many_checked_claims(agreed: int, claims: int, score: float | None) -> None:
    figure = trust.TRUST.figure(two(Figures(counts={"claims": claims, "claims_agreed": agreed})))
    assert figure.value == (None if score is None else pytest.approx(score, abs=0.01))


def test_quantiles_of_a_thousand_values_are_near_those_of_numpy() -> None:
    numbers = np.random.default_rng(1).lognormal(10, 1, 1_000)
    now = Figures(spreads={"execution_ms": spread(numbers)})
    found = figures_of(tasks.DEFINITIONS, two(now), ["execution_time"])
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        figure = named(found, f"execution_time_{name}")
        assert figure.value == pytest.approx(np.quantile(numbers, q, method="lower"), rel=0.011)
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low <= float(np.quantile(numbers, q)) * 1.01
        assert figure.high >= float(np.quantile(numbers, q)) / 1.01
    mean = named(found, "execution_time_mean")
    assert mean.value == pytest.approx(numbers.mean(), rel=1e-5)
    assert mean.low == pytest.approx(numbers.mean() - 1.96 * numbers.std(ddof=1) / np.sqrt(1_000), rel=0.02)


def test_empty_distributions_are_passed_over() -> None:
    figures = Figures(spreads={"x@verified": Spread(), "x@reported": spread([1])}, lasts={"y": Last(1, "a", 2.0)})
    assert spread_of(figures, "x@")[1] == "reported"


def test_a_figure_without_its_interval_is_the_same_figure() -> None:
    shown = [one for some in catalogue.SUBJECTS.values() for one in some if isinstance(one, Definition)]
    names = {name for one in shown for metric in one.recipe.spreads for name, _ in names_of(metric, None)}
    figures = Figures(
        counts={"attempts_ended": 9, "attempts_completed": 7, "attempts_failed": 2, "events": 50, "claims": 8},
        spreads={name: spread(range(1, 41)) for name in names},
        lasts={"queue_depth": Last(1, "a", 2.0)},
    )
    with_interval = 0
    for one in shown:
        whole, bare = one.recipe.reckon(figures, 24), one.recipe.reckon(figures, 24, bare=True)
        with_interval += whole.interval != bare.interval
        assert replace(bare, interval=whole.interval) == whole, one.name
    assert with_interval > 20

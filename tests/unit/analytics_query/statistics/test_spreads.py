"""Quantiles, medians and shifts of binned values, against numpy on the raw values."""

from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_query.decisions.statistics.ranked import EXACT_UP_TO, Ranked, order_ranks
from analytics_query.decisions.statistics.shifts import compare_spreads, size_of
from analytics_query.domain.spreads import Spread
from tests.support.spreads import spread

WIDE = 0.011
values = st.lists(
    st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-6), min_size=1, max_size=80
)


def binned(numbers: list[float]) -> list[float]:
    """The values as the bins stand for them."""
    ranked = Ranked.of(spread(numbers))
    return [value for value, times in zip(ranked.values, ranked.times, strict=True) for _ in range(times)]


@given(values, st.floats(0, 1))
def test_a_quantile_is_the_value_at_its_rank(numbers: list[float], q: float) -> None:
    found = Ranked.of(spread(numbers)).quantile(q)
    expected = sorted(numbers)[floor(q * (len(numbers) - 1))]
    assert found == pytest.approx(expected, rel=WIDE)
    assert found == spread(numbers).quantile(q)


@given(values)
def test_median_and_deviation_are_those_of_the_binned_values(numbers: list[float]) -> None:
    found, same = Ranked.of(spread(numbers)), np.array(binned(numbers))
    assert found.median == pytest.approx(np.median(same))
    assert found.deviation == pytest.approx(1.4826 * np.median(np.abs(same - np.median(same))))


@given(values, st.floats(-1e6, 1e6))
def test_the_share_up_to_a_limit_is_counted(numbers: list[float], limit: float) -> None:
    assert Ranked.of(spread(numbers)).share_up_to(limit) == sum(one <= limit for one in binned(numbers))


def test_the_interval_of_a_quantile_holds_it_in_about_95_of_100_cases() -> None:
    random = np.random.default_rng(3)
    for q, many in ((0.5, 15), (0.5, 510), (0.95, 100), (0.95, 510)):
        true = float(np.exp(np.sqrt(2) * 0.5 * _inverse_erf(2 * q - 1)))
        inside = []
        for _ in range(150):
            low, high = Ranked.of(spread(list(random.lognormal(0, 0.5, many)))).quantile_interval(q)
            inside.append((low is None or low <= true * 1.02) and (high is None or high >= true / 1.02))
        assert 0.9 < np.mean(inside) <= 1


def _inverse_erf(y: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf((y + 1) / 2) / np.sqrt(2)


@pytest.mark.parametrize(
    # Conover, Practical Nonparametric Statistics: ranks between which a quantile lies; 0 and n + 1: not to be said.
    ("count", "q", "ranks"),
    [(10, 0.5, (2, 9)), (5, 0.5, (0, 6)), (20, 0.5, (6, 15)), (20, 0.95, (17, 21)), (0, 0.5, (0, 1))],
)
def test_ranks_of_an_interval_are_as_published(count: int, q: float, ranks: tuple[int, int]) -> None:
    assert order_ranks(count, q) == ranks


def test_the_normal_ranks_join_the_exact_ones() -> None:
    for q in (0.5, 0.95):
        exact, normal = order_ranks(EXACT_UP_TO, q), order_ranks(EXACT_UP_TO + 1, q)
        assert max(abs(a - b) for a, b in zip(exact, normal, strict=True)) <= 2


@given(values, values)
def test_cliffs_delta_is_how_often_one_is_above_the_other(first: list[float], second: list[float]) -> None:
    found = compare_spreads(spread(first), spread(second))
    assert found is not None
    signs = np.sign(np.subtract.outer(binned(first), binned(second)))
    assert found.delta == pytest.approx(signs.mean(), abs=1e-9)
    other = compare_spreads(spread(second), spread(first))
    assert other is not None
    assert (other.delta, other.p_value) == (pytest.approx(-found.delta), pytest.approx(found.p_value))


def test_the_test_finds_as_much_as_a_permutation_does() -> None:
    random = np.random.default_rng(4)
    for shift in (1.0, 1.15, 1.4):
        first, second = binned(list(random.lognormal(0, 0.4, 40) * shift)), binned(list(random.lognormal(0, 0.4, 50)))
        pooled = np.array(first + second)
        ranks = np.searchsorted(np.sort(pooled), pooled, "left") + np.searchsorted(np.sort(pooled), pooled, "right")
        seen, middle = abs(ranks[:40].sum() - ranks.sum() * 40 / 90), ranks.sum() * 40 / 90
        drawn = [abs(random.permutation(ranks)[:40].sum() - middle) >= seen for _ in range(2_000)]
        found = compare_spreads(spread(first), spread(second))
        assert found is not None
        assert found.p_value == pytest.approx(np.mean(drawn), abs=0.03)


def test_equal_values_are_no_difference() -> None:
    found = compare_spreads(spread([90.0] * 20), spread([90.0] * 30))
    assert found is not None
    assert (found.delta, found.p_value) == (0, 1)


def test_all_below_is_the_largest_difference() -> None:
    found = compare_spreads(spread([80.0] * 10), spread([90.0] * 10))
    assert found is not None
    assert found.delta == -1
    assert found.p_value < 0.001
    assert found.relative == pytest.approx(-1 / 9, abs=0.025)


def test_nothing_is_not_compared() -> None:
    assert compare_spreads(Spread(), spread([1.0])) is None
    assert Ranked.of(Spread()).quantile(0.5) is None


def test_sizes_have_their_words() -> None:
    assert [size_of(delta) for delta in (0.1, -0.2, 0.4, -0.9)] == ["negligible", "small", "medium", "large"]


def test_the_mean_has_an_interval_where_there_are_values_enough() -> None:
    random = np.random.default_rng(5)
    few, many = list(random.lognormal(0, 1, 20)), list(random.lognormal(0, 1, 400))
    assert Ranked.of(spread(few)).mean_interval(float(np.mean(few))) == (None, None)
    low, high = Ranked.of(spread(many)).mean_interval(float(np.mean(many)))
    half = 1.96 * np.std(many, ddof=1) / np.sqrt(400)
    assert (low, high) == (pytest.approx(np.mean(many) - half, rel=0.02), pytest.approx(np.mean(many) + half, rel=0.02))

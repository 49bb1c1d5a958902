"""Shares and their differences, against published examples and an independent computation."""

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_query.decisions.statistics.multiplicity import benjamini_hochberg
from analytics_query.decisions.statistics.proportions import Share, compare_shares, fisher_exact, pooled_z, wilson
from analytics_query.decisions.statistics.rates import poisson

shares = st.integers(1, 60).flatmap(lambda of: st.builds(Share, st.integers(0, of), st.just(of)))


@pytest.mark.parametrize(
    ("share", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3.
    [
        (Share(81, 263), 0.2553, 0.3662),
        (Share(15, 148), 0.0624, 0.1605),
        (Share(0, 20), 0.0, 0.1611),
        (Share(1, 29), 0.0061, 0.1718),
    ],
)
def test_wilson_is_as_published(share: Share, low: float, high: float) -> None:
    assert wilson(share) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, method 10.
    [
        (Share(56, 70), Share(48, 80), 0.0524, 0.3339),
        (Share(9, 10), Share(3, 10), 0.1705, 0.8090),
        (Share(10, 10), Share(0, 10), 0.6075, 1.0),
        (Share(5, 56), Share(0, 29), -0.0381, 0.1926),
    ],
)
def test_newcombe_is_as_published(first: Share, second: Share, low: float, high: float) -> None:
    difference = compare_shares(first, second)
    assert difference is not None
    assert (difference.low, difference.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(shares, shares)
def test_fisher_sums_the_tables_that_are_at_most_as_likely(first: Share, second: Share) -> None:
    hits, whole = first.hits + second.hits, comb(first.of + second.of, first.hits + second.hits)
    ways = {k: comb(first.of, k) * comb(second.of, hits - k) for k in range(hits + 1) if k <= first.of}
    exact = sum(way for way in ways.values() if way <= ways[first.hits]) / whole
    assert fisher_exact(first, second) == pytest.approx(exact, rel=1e-6)


@given(shares, shares)
def test_a_difference_the_other_way_round_is_the_same_with_its_sign_turned(first: Share, second: Share) -> None:
    one, other = compare_shares(first, second), compare_shares(second, first)
    assert one is not None
    assert other is not None
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
    assert one.p_value == pytest.approx(other.p_value)
    assert one.low <= one.value <= one.high


def test_wilson_holds_the_true_share_in_about_95_of_100_cases() -> None:
    random = np.random.default_rng(1)
    for share, of in product((0.1, 0.5, 0.9), (20, 200)):
        hits = random.binomial(of, share, 1_000)
        inside = [low <= share <= high for k in hits for low, high in [wilson(Share(int(k), of))]]  # type: ignore[operator]
        assert 0.92 < np.mean(inside) < 0.98


def test_chance_is_called_significant_about_as_often_as_it_should() -> None:
    random = np.random.default_rng(2)
    first, second = random.binomial(300, 0.4, 2_000), random.binomial(300, 0.4, 2_000)
    p_values = [pooled_z(Share(int(a), 300), Share(int(b), 300)) for a, b in zip(first, second, strict=True)]
    assert 0.03 < np.mean(np.array(p_values) <= 0.05) < 0.07


def test_of_nothing_nothing_is_said() -> None:
    assert wilson(Share(0, 0)) == (None, None)
    assert compare_shares(Share(0, 0), Share(1, 2)) is None


def test_adjusted_p_values_are_as_published() -> None:
    # Benjamini and Hochberg (1995), section 3: of 15 p-values the first four are told at 5 %.
    p_values = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590,
        1.0,
    ]  # fmt: skip
    adjusted = benjamini_hochberg(p_values)
    assert [place for place, p in enumerate(adjusted) if p <= 0.05] == [0, 1, 2, 3]
    assert adjusted[0] == pytest.approx(0.0015)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_adjusted_p_values_do_not_depend_on_the_order(p_values: list[float]) -> None:
    adjusted = benjamini_hochberg(p_values)
    assert dict(zip(p_values, adjusted, strict=True)) == dict(
        zip(reversed(p_values), benjamini_hochberg(p_values[::-1]), strict=True)
    )
    assert all(p <= one + 1e-12 <= 1 + 1e-12 for p, one in zip(p_values, adjusted, strict=True))


@pytest.mark.parametrize(
    # Exact intervals of a Poisson mean (Garwood, 1936).
    ("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39), (100, 81.36, 121.6)]
)  # fmt: skip
def test_byar_is_near_the_exact_interval(count: int, low: float, high: float) -> None:
    found = poisson(count)
    assert found.low == pytest.approx(low, rel=0.02, abs=0.02)
    assert found.high == pytest.approx(high, rel=0.02)

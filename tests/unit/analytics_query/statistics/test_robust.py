import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_query.decisions.statistics.robust import Z, deviation, peaks, theil_sen

SEEDS = st.integers(0, 2**32 - 1)


def brute_slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:  # pyright: ignore[reportMissingTypeArgument]
    i, j = np.triu_indices(len(x), 1)
    different = x[i] != x[j]
    return np.sort((y[j] - y[i])[different] / (x[j] - x[i])[different])


@given(SEEDS, st.integers(3, 40))
def test_the_slope_is_the_median_of_all_pairs(seed: int, many: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 10, many), rng.normal(0, 5, many)
    found = theil_sen(list(zip(x.tolist(), y.tolist(), strict=True)))
    assert found is not None
    assert found.value == pytest.approx(np.median(brute_slopes(x, y)))
    assert found.low <= found.value <= found.high


@given(SEEDS, st.integers(10, 60))
def test_the_interval_holds_the_slopes_that_kendalls_test_does_not_reject(seed: int, many: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.arange(many, dtype=float)
    y = 0.3 * x + rng.normal(0, 3, many)
    found = theil_sen(list(zip(x.tolist(), y.tolist(), strict=True)))
    assert found is not None
    limit = Z * np.sqrt(many * (many - 1) * (2 * many + 5) / 18)

    def kendall(slope: float) -> float:
        rest = y - slope * x
        i, j = np.triu_indices(many, 1)
        return abs(np.sign(rest[j] - rest[i]).sum())

    width, rounding = found.high - found.low, 3
    assert kendall(found.low + 1e-9 * width) <= limit + rounding
    assert kendall(found.high - 1e-9 * width) <= limit + rounding
    assert kendall(found.low - 1e-9 * width) >= limit - rounding
    assert kendall(found.high + 1e-9 * width) >= limit - rounding


def test_the_interval_holds_the_true_slope_as_often_as_it_says() -> None:
    rng, held, times = np.random.default_rng(11), 0, 400
    for _ in range(times):
        x = np.sort(rng.uniform(0, 1, 25))
        y = 2 * x + rng.standard_t(3, 25)
        found = theil_sen(list(zip(x.tolist(), y.tolist(), strict=True)))
        held += found is not None and found.low <= 2 <= found.high
    assert 0.92 <= held / times <= 0.985


def test_a_few_wild_values_do_not_move_the_slope() -> None:
    points = [(float(x), 3.0 * x + 1) for x in range(30)]
    points[7], points[20] = (7.0, 9_000.0), (20.0, -9_000.0)
    found = theil_sen(points)
    assert found is not None
    assert found.value == pytest.approx(3.0)


def test_values_that_never_change_have_no_slope() -> None:
    assert theil_sen([(float(x), 5.0) for x in range(20)]) == (0.0, 0.0, 0.0)


def test_without_two_places_there_is_no_slope() -> None:
    assert theil_sen([]) is theil_sen([(1.0, 2.0)]) is theil_sen([(1.0, 2.0), (1.0, 3.0)]) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_the_deviation_is_that_of_the_field(values: list[float]) -> None:
    expected = 1.4826 * np.median(np.abs(np.array(values) - np.median(values)))
    assert deviation(values) == pytest.approx(expected)


@given(SEEDS, st.integers(0, 4))
def test_peaks_stand_out_by_three_deviations_and_by_the_least(seed: int, spikes: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(30, 2, 60), np.full(spikes, 95.0)])
    centre = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - centre))
    expected = int(np.sum((values > centre + 3 * spread) & (values >= centre + 20)))
    assert peaks(values.tolist(), 20) == expected == spikes


def test_nothing_has_no_peaks() -> None:
    assert peaks([], 20) == 0

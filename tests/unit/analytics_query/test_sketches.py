from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytics_query.domain.rollups import Figures
from analytics_query.domain.spreads import Spread
from analytics_query.store.adding import FEW, add_up
from analytics_query.store.rows import absorb
from analytics_query.store.sketches import of_json, pack, unpack

VALUES = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20)
NAMES = st.text(max_size=10)


def spread(values: Sequence[float], times: int = 1) -> Spread:
    made = Spread()
    for value in values:
        made.add(value, times)
    return made


def read(packed: bytes) -> dict[str, Spread]:
    figures = Figures()
    absorb(figures, {}, packed, {})
    return figures.spreads


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.sampled_from([1, 255, 256, -1, 2**31, 2**40]))
@example({"a": [], "b": [0.0, -1e-200, 1e300, -1e300]}, 1)
def test_what_is_packed_is_read_as_it_was(values: dict[str, list[float]], times: int) -> None:
    spreads = {name: spread(some, times) for name, some in values.items()}
    assert read(pack(spreads)) == spreads


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=5))
def test_equal_distributions_are_equal_bytes(values: dict[str, list[float]]) -> None:
    spreads = {name: spread(some) for name, some in values.items()}
    again = {name: spread(values[name][::-1]) for name in reversed(values)}
    assert pack(again) == pack(spreads)


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), max_size=2 * FEW),
    st.sets(st.sampled_from("abc")),
)
@example([{}] * 2 * FEW, {"a"})
@example([{"a": []}, {"b": [0.0]}, {"a": [-1.0]}, {"b": [0.0], "c": [1e14]}], set())
def test_many_are_added_up_as_one_by_one(rows: list[dict[str, list[float]]], without: set[str]) -> None:
    held = [{name: spread(some, 2 ** (8 * place)) for name, some in row.items()} for place, row in enumerate(rows)]
    expected = Figures()
    for one in held:
        expected.absorb(Figures(spreads={name: spread for name, spread in one.items() if name not in without}))
    assert add_up([pack(spreads) for spreads in held], without) == expected.spreads


def test_what_is_not_wanted_is_left_out() -> None:
    packed = pack({"a": spread([1, 2]), "b": spread([3]), "c": spread([-4, -4])})
    assert [(one.metric, one.seen, dict(one.bins)) for one in unpack(packed, {"b"})] == [
        ("a", 2, spread([1, 2]).bins),
        ("c", 2, spread([-4, -4]).bins),
    ]


@pytest.mark.parametrize(
    ("bins", "value"), [({"0!": 2}, 0.0), ({"347": 2}, 1_030.0), ({"-!347": 2}, -1_030.0), ({"-231": 2}, 0.00975)]
)
def test_what_earlier_versions_wrote_means_the_same(bins: dict[str, int], value: float) -> None:
    [one] = of_json({"a": [2, str(2**70), bins], "b": [1, 1, {"1": 1}]}, {"b"})
    found = Spread(one.seen, one.micros, dict(one.bins))
    assert (found.count, found.micros) == (2, 2**70)
    assert found.quantile(0.5) == pytest.approx(value, rel=0.02)
    assert found.bins == spread([value, value]).bins

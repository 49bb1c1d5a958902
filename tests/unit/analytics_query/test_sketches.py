from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytics_query.domain.distributions import add_up
from analytics_query.domain.rollups import Figures, rest, total
from analytics_query.domain.spreads import Spread
from analytics_query.store.sketches import of_json, pack, unpack

VALUES = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20)
NAMES = st.text(max_size=10)


def spread(values: Sequence[float], times: int = 1) -> Spread:
    made = Spread()
    for value in values:
        made.add(value, times)
    return made


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.sampled_from([1, 255, 256, -1, 2**31, 2**40]))
@example({"a": [], "b": [0.0, -1e-200, 1e300, -1e300]}, 1)
@example({'"],[': [1.0], 'x"],["y': [], "\\": [2.0]}, 1)
def test_what_is_packed_is_read_as_it_was(values: dict[str, list[float]], times: int) -> None:
    spreads = {name: spread(some, times) for name, some in values.items()}
    assert unpack(pack(spreads)) == spreads


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=5))
def test_equal_distributions_are_equal_bytes(values: dict[str, list[float]]) -> None:
    spreads = {name: spread(some) for name, some in values.items()}
    again = {name: spread(values[name][::-1]) for name in reversed(values)}
    assert pack(again) == pack(spreads)


@given(
    st.lists(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), max_size=4), max_size=4),
    st.sets(st.sampled_from("abc")),
)
@example([[{}, {}], [], [{}, {"a": [1.0]}]], {"a"})
@example([[{"a": []}, {"b": [0.0]}, {"a": [-1.0]}, {"b": [0.0], "c": [1e14]}], [{"a": [0.0]}] * 2], set())
def test_groups_are_added_up_as_one_by_one(groups: list[list[dict[str, list[float]]]], without: set[str]) -> None:
    held = [
        [{name: spread(some, 2 ** (8 * place)) for name, some in row.items()} for place, row in enumerate(rows)]
        for rows in groups
    ]
    summed = add_up([[unpack(pack(spreads)) for spreads in rows] for rows in held])
    assert [one.but(without) for one in summed] == [one_by_one(rows, without) for rows in held]


def one_by_one(rows: list[dict[str, Spread]], without: set[str]) -> dict[str, Spread]:
    together: dict[str, Spread] = {}
    for row in rows:
        for name in row.keys() - without:
            together.setdefault(name, Spread()).merge(row[name])
    return together


@given(st.dictionaries(st.sampled_from("abc"), VALUES), st.dictionaries(st.sampled_from("abcd"), VALUES))
def test_what_is_taken_away_again_was_never_there(
    values: dict[str, list[float]], others: dict[str, list[float]]
) -> None:
    part, other = (Figures(spreads={name: spread(some) for name, some in row.items()}) for row in (values, others))
    [left] = rest(total([part, other]), [part])
    assert {name: one for name, one in left.spreads.items() if not one.is_nothing} == {
        name: one for name, one in other.spreads.items() if not one.is_nothing
    }


def test_what_is_changed_is_not_changed_where_it_was_read_from() -> None:
    stored = pack({"a": spread([1.0, 2.0]), "b": spread([3.0])})
    first, second = (Figures(spreads=unpack(stored)) for _ in range(2))
    first.merge(Figures(spreads={"a": spread([1.0]), "c": spread([4.0])}))
    assert first.spreads == {"a": spread([1.0, 2.0, 1.0]), "b": spread([3.0]), "c": spread([4.0])}
    assert second.spreads == {"a": spread([1.0, 2.0]), "b": spread([3.0])}
    assert first.spreads["a"].ordered().times == (2, 1)


@pytest.mark.parametrize(
    ("bins", "value"), [({"0!": 2}, 0.0), ({"347": 2}, 1_030.0), ({"-!347": 2}, -1_030.0), ({"-231": 2}, 0.00975)]
)
def test_what_earlier_versions_wrote_means_the_same(bins: dict[str, int], value: float) -> None:
    found = of_json({"a": [2, str(2**70), bins], "b": [1, 1, {"1": 1}]})["a"]
    assert (found.count, found.micros) == (2, 2**70)
    assert found.quantile(0.5) == pytest.approx(value, rel=0.02)
    assert found.bins == spread([value, value]).bins

"""Distributions in columns: added up, taken away, changed."""

from hypothesis import example, given
from hypothesis import strategies as st

from analytics_query.domain.distributions import add_up
from analytics_query.domain.rollups import COUNTS, INT64, Figures, rest, total
from analytics_query.domain.spreads import Spread
from analytics_query.store.sketches import pack, unpack
from tests.support.spreads import spread

VALUES = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20)


@given(
    st.lists(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), max_size=4), max_size=4),
    st.sets(st.sampled_from("abc")),
)
@example([[{}, {}], [], [{}, {"a": [1.0]}]], {"a"})
@example([[{"a": [1.0]}, {"a": [2.0]}, {}, {"a": [2.0, 1.0], "b": [1.0]}]], set())
@example([[{"a": []}, {"b": [0.0]}, {"a": [-1.0]}, {"b": [0.0], "c": [1e14]}], [{"a": [0.0]}] * 2], set())
def test_groups_are_added_up_as_one_by_one(groups: list[list[dict[str, list[float]]]], without: set[str]) -> None:
    held = [
        [{name: spread(some, 2 ** (16 * place)) for name, some in row.items()} for place, row in enumerate(rows)]
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
    second = Figures(spreads=unpack(pack({"a": spread([1.0, 2.0]), "b": spread([3.0])})))
    assert second.spreads["a"].ordered().running.tolist() == [1, 2]
    first = total([second])
    first.merge(Figures(spreads={"a": spread([1.0]), "c": spread([4.0])}))
    assert first.spreads == {"a": spread([1.0, 2.0, 1.0]), "b": spread([3.0]), "c": spread([4.0])}
    assert second.spreads == {"a": spread([1.0, 2.0]), "b": spread([3.0])}
    assert first.spreads["a"].ordered().running.tolist() == [2, 3]
    assert second.size == Figures(spreads=unpack(pack(dict(second.spreads)))).size


def test_counts_that_are_written_as_text_are_added_up_as_numbers() -> None:
    large = Figures(counts={"a": INT64, "b": 1, "c": -INT64 - 1})
    assert large.plain_json()[COUNTS] == {"a": str(INT64), "b": 1, "c": str(-INT64 - 1)}
    together = Figures()
    for one in (large, Figures(counts={"a": 1, "b": 2}), large):
        together.absorb_plain(one.plain_json())
    assert together.counts == {"a": 2 * INT64 + 1, "b": 4, "c": -2 * INT64 - 2}

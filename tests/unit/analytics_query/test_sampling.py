import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_query.decisions.sampling import admitted, digest, population


def sample(names: list[str], limit: int) -> dict[str, int]:
    kept: dict[str, int] = {}
    for name in map(digest, names):
        if admitted(kept, name, limit):
            kept[name] = kept.get(name, 0) + 1
    return kept


@given(st.lists(st.sampled_from("abcdefghij"), max_size=40), st.randoms(use_true_random=False), st.integers(1, 12))
def test_the_same_names_are_kept_with_all_that_is_known_of_them(names: list[str], random: object, limit: int) -> None:
    shuffled = list(names)
    random.shuffle(shuffled)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    kept = sample(names, limit)
    assert kept == sample(shuffled, limit)
    assert sorted(kept) == sorted({digest(name) for name in names})[:limit]
    assert kept == {name: [digest(one) for one in names].count(name) for name in kept}


@given(st.sets(st.text(max_size=5), max_size=30))
def test_few_names_are_counted_exactly(names: set[str]) -> None:
    assert population(sample(sorted(names), 40), 40) == len(names)


def test_many_names_are_estimated_without_a_bias() -> None:
    limit, many, times = 50, 2_000, 60
    found = [population(sample([f"{t}/{n}" for n in range(many)], limit), limit) for t in range(times)]
    error = 1 / np.sqrt(limit - 2)
    assert np.mean(found) == pytest.approx(many, rel=4 * error / np.sqrt(times))
    assert np.std(found) / many == pytest.approx(error, rel=0.5)

"""Workers that wait for each other in a circle."""

from datetime import timedelta
from graphlib import CycleError, TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from question_broker.decisions.cycles import Waiting, broken, edges, words
from tests.support.examples import NOW


def waiting(
    number: int, worker: str, task: str, target: str | None = None, linked: str | None = None, helper: str | None = None
) -> Waiting:
    return Waiting(f"q-{number:02}", worker, task, NOW + timedelta(seconds=number), target, linked, helper)


def ids(requests: list[Waiting]) -> list[str]:
    return [found.request.question_id for found in broken(requests)]


def test_two_who_ask_each_other_wait_for_ever_and_the_newest_is_told() -> None:
    first, second = waiting(1, "a", "t1", target="b"), waiting(2, "b", "t2", target="a")
    (found,) = broken([first, second])
    assert found.request is second
    assert "b (task t2) waits for a and a (task t1) waits for b" in words(found)


def test_a_helper_that_asks_who_it_helps_closes_a_circle() -> None:
    asker = waiting(1, "a", "t1", target="b", linked="t2", helper="b")
    helper = waiting(2, "b", "t2", target="c", linked="t3", helper="c")
    assert ids([asker, helper, waiting(3, "c", "t3", target="a")]) == ["q-03"]
    assert ids([asker, helper, waiting(3, "c", "t3", target="d")]) == []


def test_help_that_is_under_way_waits_for_its_own_task_alone() -> None:
    # b works on t9 for a, while another attempt of b waits for a: t9 goes on.
    asker = waiting(1, "a", "t1", target="b", linked="t9", helper="b")
    assert ids([asker, waiting(2, "b", "t2", target="a")]) == []


def test_who_asks_anybody_waits_for_nobody_in_particular() -> None:
    assert ids([waiting(1, "a", "t1"), waiting(2, "b", "t2", target="a")]) == []


def test_two_circles_are_broken_each() -> None:
    requests = [
        waiting(1, "a", "t1", target="b"),
        waiting(2, "b", "t2", target="a"),
        waiting(3, "c", "t3", target="d"),
        waiting(4, "d", "t4", target="c"),
    ]
    assert sorted(ids(requests)) == ["q-02", "q-04"]


def test_a_long_way_is_walked_to_its_end() -> None:
    way = [waiting(n % 60, f"w{n}", f"t{n}", target=f"w{n + 1}") for n in range(5_000)]
    requests = [
        Waiting(f"q-{n}", *(one.worker_id, one.task_id, one.asked_at, one.target_worker)) for n, one in enumerate(way)
    ]
    assert broken(requests) == []


WORKERS, TASKS = st.sampled_from("abcd"), st.sampled_from(["t1", "t2", "t3", "t4", "t5"])


@st.composite
def requests(draw: st.DrawFn) -> list[Waiting]:
    count = draw(st.integers(0, 12))
    found: list[Waiting] = []
    for number in range(count):
        helper = draw(st.none() | WORKERS)
        linked = draw(TASKS) if helper else None
        found.append(waiting(number, draw(WORKERS), draw(TASKS), draw(st.none() | WORKERS), linked, helper))
    return draw(st.permutations(found))


def has_circle(left: list[Waiting]) -> bool:
    try:
        TopologicalSorter(edges(left)).prepare()
    except CycleError:
        return True
    return False


@given(requests())
def test_without_the_broken_ones_nobody_waits_in_a_circle(all_of_them: list[Waiting]) -> None:
    found = broken(all_of_them)
    gone = {one.request.question_id for one in found}
    assert not has_circle([one for one in all_of_them if one.question_id not in gone])
    assert bool(found) is has_circle(all_of_them)


@given(requests())
def test_each_broken_one_is_the_newest_of_a_real_circle(all_of_them: list[Waiting]) -> None:
    after = edges(all_of_them)
    for found in broken(all_of_them):
        circle = found.circle
        assert circle[0] is found.request
        assert found.request.asked_at == max(one.asked_at for one in circle)
        for one, following in zip(circle, [*circle[1:], circle[0]], strict=True):
            assert following.question_id in after[one.question_id]


@given(requests(), st.randoms())
def test_the_order_in_which_they_are_read_makes_no_circle(all_of_them: list[Waiting], chance: object) -> None:
    shuffled = list(all_of_them)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert bool(broken(shuffled)) is bool(broken(all_of_them))


def test_a_task_that_asks_twice_may_wait_in_a_circle_with_either() -> None:
    helped = waiting(1, "a", "t1", linked="t2", helper="b")
    assert ids([helped, waiting(2, "b", "t2", target="c"), waiting(3, "b", "t2", target="a")]) == ["q-03"]


@pytest.mark.parametrize("count", [0, 1])
def test_few_make_no_circle(count: int) -> None:
    assert broken([waiting(1, "a", "t1", target="b")][:count]) == []

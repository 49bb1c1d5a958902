import pytest

from mcp_gateway.decisions.completing import MOST, Known, capabilities_of_agents, fitting, fitting_last, holds_password

TASKS = Known(["task-c3", "task-b2", "task-a1"])


def test_what_begins_so_comes_first_then_what_holds_it_in_their_order() -> None:
    found = fitting("B", Known(["ab", "ba", "c", "bb", "ba"]))
    assert (found.values, found.total, found.has_more) == (["ba", "bb", "ab"], 3, False)


def test_nothing_typed_fits_all_newest_first() -> None:
    assert fitting(" ", TASKS).values == [*TASKS.values]


def test_no_more_than_a_hundred_are_given_and_the_rest_is_told() -> None:
    found = fitting("t", Known([f"t-{n}" for n in range(150)]))
    assert (len(found.values), found.total, found.has_more) == (MOST, 150, True)


def test_where_not_all_were_looked_at_nobody_knows_the_total() -> None:
    found = fitting("task", Known(TASKS.values, whole=False))
    assert (found.total, found.has_more) == (None, True)


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("", ["w-1", "w-2"]),
        ("w-2", ["w-2"]),
        ("w-1,", ["w-1, w-2"]),
        (" w-1 , w", ["w-1, w-2"]),
        ("w-1, w-2, ", []),
        (",w-1", ["w-1"]),
    ],
)
def test_of_several_values_the_last_is_completed(typed: str, values: list[str]) -> None:
    assert fitting_last(typed, Known(["w-1", "w-2"])).values == values


def test_agents_are_named_once() -> None:
    assert capabilities_of_agents(["agent:auditor", "gpu", "agent:claude", "agent:auditor"]) == ["auditor", "claude"]


@pytest.mark.parametrize(
    ("repository", "holds"),
    [("https://u:p@example.com/a.git", True), ("git@example.com:a.git", False), ("https://example.com/a", False)],
)
def test_an_address_with_a_password_is_known(repository: str, holds: bool) -> None:
    assert holds_password(repository) is holds

from datetime import UTC, datetime, timedelta

from contracts.base import Page
from contracts.deadletters import DeadLetter, DeadLetterState
from mcp_gateway.decisions.merging import END, Merged, merge

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def letter(service: str, number: int, age_s: int) -> DeadLetter:
    return DeadLetter(
        id=f"{service}:{number}",
        service=service,
        state=DeadLetterState.open,
        reason="r",
        stream="S",
        subject="s",
        payload_bytes=1,
        recorded_at=NOW - timedelta(seconds=age_s),
        retries=0,
    )


def merged(pages: dict[str, Page[DeadLetter]], before: dict[str, str | None], limit: int) -> Merged:
    return merge(pages, before, limit, lambda one: f"after {one.id}")


def page(*letters: DeadLetter, more: str | None = None) -> Page[DeadLetter]:
    return Page(items=list(letters), next_cursor=more)


def ids(found: Merged) -> list[str]:
    return [one.id for one in found.items]


def test_the_newest_of_all_come_first_and_each_goes_on_behind_what_was_shown() -> None:
    pages = {
        "a": page(letter("a", 9, 1), letter("a", 8, 30), more="a8"),
        "b": page(letter("b", 4, 2), letter("b", 3, 3)),
    }
    found = merged(pages, {"a": None, "b": None}, 2)
    assert ids(found) == ["a:9", "b:4"]
    assert found.cursors == {"a": "after a:9", "b": "after b:4"}


def test_a_list_ends_when_all_services_have_shown_all() -> None:
    found = merged({"a": page(letter("a", 1, 1)), "b": page()}, {"a": None, "b": None}, 5)
    assert (ids(found), found.cursors) == (["a:1"], None)


def test_a_service_that_did_not_answer_keeps_its_place() -> None:
    found = merged({"a": page(letter("a", 1, 1))}, {"a": None, "b": "b7", "c": END}, 5)
    assert found.cursors == {"a": END, "b": "b7", "c": END}


def test_none_of_a_service_is_passed_over_when_its_letters_are_the_older_ones() -> None:
    pages = {"a": page(letter("a", 2, 1), letter("a", 1, 2), more="a1"), "b": page(letter("b", 1, 50))}
    found = merged(pages, {"a": "a3", "b": "b2"}, 2)
    assert ids(found) == ["a:2", "a:1"]
    assert found.cursors == {"a": "a1", "b": "b2"}


def test_letters_of_one_service_stay_in_order_though_its_clock_went_back() -> None:
    pages = {"a": page(letter("a", 3, 10), letter("a", 2, 5), letter("a", 1, 10)), "b": page(letter("b", 1, 7))}
    found = merged(pages, {"a": None, "b": None}, 2)
    assert ids(found) == ["b:1", "a:3"]
    assert found.cursors == {"a": "after a:3", "b": END}

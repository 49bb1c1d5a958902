"""Arguments in the audit log: no secret, always storable, never large."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_gateway.decisions.audit.redacting import BOUNDS, CUT, Bounds, redacted, redacted_text
from mcp_gateway.decisions.audit.secrets import MASK

SECRET = "hunter2hunter2"
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
NAMES = st.text(max_size=12) | st.sampled_from(["description", "requirements", "limits", "free"])
JSON_VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
ARGUMENTS = st.dictionaries(NAMES, JSON_VALUES, max_size=6)
PLANTED = st.sampled_from(
    [
        {"password": SECRET},
        {"env": {"HARMLESS_NAME": SECRET}},
        {"env": [f"A={SECRET}"]},
        {"apiKey": {"value": SECRET}},
        {"repository": f"https://alice:{SECRET}@example.com/x.git"},
        {"description": f"log in with password={SECRET} first"},
        {"headers": {"Authorization": f"Bearer {SECRET}"}},
        {"description": f"{'x ' * 10_000} token: {SECRET}"},
        {"description": f"{'x ' * 240} token: {SECRET}"},
    ]
)


def shown(arguments: dict[str, Any], bounds: Bounds = BOUNDS) -> dict[str, Any]:
    return json.loads(redacted(arguments, bounds))


def test_a_call_reads_as_it_was_made() -> None:
    given = {"description": "Audit it", "priority": "high", "requirements": {"tags": ["py"], "limits": {"cpu": 1.5}}}
    assert shown(given) == given


def test_the_names_of_an_environment_are_kept_and_its_values_are_not() -> None:
    assert shown({"requirements": {"env": {"TOKEN": "x", "HOME": "y"}}}) == {
        "requirements": {"env": {"TOKEN": MASK, "HOME": MASK}}
    }


def test_a_number_under_the_name_of_a_secret_is_a_limit() -> None:
    assert shown({"tokens": 1_000, "token": "1000"}) == {"tokens": 1_000, "token": MASK}


def test_a_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert shown({"description": "x" * 10})["description"] == "x" * 10
    assert shown({"description": "a b" * 1_000})["description"].endswith(f"{CUT} (3000 characters)")


def test_a_secret_that_is_cut_in_two_is_not_shown() -> None:
    token = "ghp_" + "a1" * 40
    for before in range(4_560, 4_600):
        text = redacted_text(f"{'password=x ' * 500}"[:before] + " " + token + " x" * 5_000, 500)
        assert "ghp_" not in text


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a\x00b", "a\\u0000b"),
        ("\ud800", "\\ud800"),
        (float("inf"), "inf"),
        (2**63 - 1, 2**63 - 1),
        (2**64, "an integer of 65 bits"),
    ],
)
def test_what_a_database_cannot_keep_is_written_otherwise(value: object, kept: object) -> None:
    assert shown({"value": value}) == {"value": kept}


def test_an_integer_too_long_to_be_written_is_told_by_its_size() -> None:
    assert shown({"value": 10**5_000}) == {"value": "an integer of 16610 bits"}


def test_what_is_deep_or_long_is_cut() -> None:
    deep: Any = "end"
    for _ in range(100):
        deep = [deep]
    found = shown({"deep": deep, "long": list(range(1_000))})
    assert CUT in json.dumps(found["deep"], ensure_ascii=False)
    assert found["long"] == [*range(50), f"{CUT} 950"]


def test_however_much_is_given_little_is_kept() -> None:
    wide = {f"name{n}": {"more": ["y" * 400] * 40} for n in range(40)}
    assert len(redacted(wide).encode()) <= BOUNDS.total


@given(ARGUMENTS)
@example({"\ud800": "\x00"})
@settings(max_examples=150, deadline=None)
def test_any_arguments_give_a_bounded_storable_object(arguments: dict[str, Any]) -> None:
    bounds = Bounds(total=300, text=40, items=5, depth=3)
    text = redacted(arguments, bounds)
    assert len(text.encode()) <= bounds.total
    assert "\x00" not in text
    assert isinstance(json.loads(text), dict)


@given(ARGUMENTS, PLANTED, st.integers(0, 2))
@settings(max_examples=150, deadline=None)
def test_a_planted_secret_is_never_kept(arguments: dict[str, Any], planted: dict[str, Any], depth: int) -> None:
    for _ in range(depth):
        planted = {"inner": [planted]}
    assert SECRET not in redacted(planted | arguments)

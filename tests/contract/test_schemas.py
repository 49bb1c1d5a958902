"""Golden schemas: a contract does not change by accident, and never breaks an old reader unnoticed."""

import copy
from typing import Any

import pytest

from contracts.compatibility import breaking_changes, broken_contracts
from contracts.schemas import current, golden


def test_contracts_are_as_agreed() -> None:
    stale = [name for name, schema in current().items() if golden().get(name) != schema]
    assert stale == [], "the contracts changed: run `python -m contracts.schemas` and commit what it writes"


def test_no_contract_breaks_an_old_reader() -> None:
    assert broken_contracts(golden(), current()) == []


def _progress() -> dict[str, Any]:
    return copy.deepcopy(current()["ProgressEvent"])


def test_a_removed_field_is_noticed() -> None:
    new = _progress()
    del new["$defs"]["ProgressMetrics"]["properties"]["tests_run"]
    assert breaking_changes(_progress(), new) == ["$defs.ProgressMetrics.tests_run: removed"]


def test_a_new_required_field_is_noticed() -> None:
    new = _progress()
    new["required"].append("evidence")
    assert breaking_changes(_progress(), new) == ["$.evidence: now required"]


def test_a_new_optional_field_is_no_break() -> None:
    new = _progress()
    new["properties"]["colour"] = {"type": "string", "default": "red"}
    assert breaking_changes(_progress(), new) == []


@pytest.mark.parametrize(("name", "change"), [("Evidence", "verified"), ("Evidence", "observed")])
def test_a_removed_enum_value_is_noticed(name: str, change: str) -> None:
    new = _progress()
    new["$defs"][name]["enum"].remove(change)
    assert breaking_changes(_progress(), new) == [f"$defs.{name}: values removed: {change}"]


def test_a_changed_type_is_noticed() -> None:
    new = _progress()
    new["properties"]["seq"]["type"] = "string"
    assert "$.seq: no longer accepts integer" in breaking_changes(_progress(), new)


def test_a_tighter_bound_is_noticed() -> None:
    new = _progress()
    new["properties"]["worker_id"]["maxLength"] = 8
    assert breaking_changes(_progress(), new) == ["$.worker_id: maxLength is tighter: none to 8"]


def test_a_removed_contract_is_noticed() -> None:
    now = current()
    del now["Heartbeat"]
    assert broken_contracts(current(), now) == ["Heartbeat: removed"]

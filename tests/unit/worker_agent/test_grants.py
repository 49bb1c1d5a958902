"""Grants: what a worker's policy allows, and how grants add up."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events.resources import GrantState
from contracts.questions import RequestedResource
from tests.support.examples import NOW
from worker_agent.decisions.amounts import Amount, Form
from worker_agent.decisions.grants import (
    REMEMBERED,
    Change,
    Policy,
    Standing,
    change_for,
    decide,
    granted,
    granted_tools,
    next_expiry,
    next_step,
    promised,
    sentence,
    understood,
    with_note,
)
from worker_agent.decisions.packages import Package
from worker_agent.domain import GrantNote, Target

EVENT = "0198f3a0-0000-7000-8000-000000000000"
REQUESTS = Package("requests", "requests>=2")


def memory(figure: int, form: Form = Form.either) -> Amount:
    return Amount(Target.memory_mb, figure, form)


def note(question_id: str = "q-1", **values: Any) -> GrantNote:
    known = {
        "resource_type": RequestedResource.compute,
        "amount": "+1 GB",
        "granted_at": NOW,
        "event_id": EVENT,
        "end_event_id": EVENT,
        "target": "memory_mb",
        "base": 1000,
        "delta": 500,
        "state": GrantState.applied,
    }
    return GrantNote.model_validate({"question_id": question_id} | known | values)


@pytest.mark.parametrize(
    ("amount", "after"),
    [
        (memory(300, Form.more), 1500),
        (memory(1300, Form.total), 1300),
        (memory(1300), 1300),
        (memory(300), 1500),
        (memory(1200), 2400),
    ],
)
def test_a_bare_amount_is_the_total_if_that_is_more_and_comes_on_top_otherwise(amount: Amount, after: int) -> None:
    change = change_for(amount, Standing(1000, 200))
    assert change == Change("memory_mb", 1000, after - 1200)


@pytest.mark.parametrize(
    ("ceiling", "amount", "is_granted"),
    [
        (None, memory(1000, Form.more), True),
        (None, memory(1001, Form.more), False),
        (1500, memory(500, Form.more), True),
        (1500, memory(1501, Form.total), False),
        (4000, memory(4000, Form.total), True),
        (0, memory(1, Form.more), False),
    ],
)
def test_the_policy_grants_up_to_its_ceiling_or_twice_what_the_attempt_has(
    ceiling: int | None, amount: Amount, is_granted: bool
) -> None:
    verdict = decide(amount, Policy({Target.memory_mb: ceiling}), Standing(1000))
    assert (verdict.change is not None) is is_granted
    assert verdict.ask or is_granted
    assert is_granted or str(2000 if ceiling is None else ceiling) in verdict.reason


def test_what_was_granted_before_counts_for_the_ceiling() -> None:
    assert decide(memory(600, Form.more), Policy(), Standing(1000, 400)).change == Change("memory_mb", 1000, 600)
    assert decide(memory(601, Form.more), Policy(), Standing(1000, 400)).change is None


@pytest.mark.parametrize(
    ("amount", "standing"), [(memory(900, Form.total), Standing(1000)), (memory(900), Standing(None))]
)
def test_what_is_there_already_needs_neither_a_grant_nor_the_manager(amount: Amount, standing: Standing) -> None:
    verdict = decide(amount, Policy(), standing)
    assert (verdict.change, verdict.ask) == (None, False)


@pytest.mark.parametrize(
    ("patterns", "is_granted"),
    [((), False), (("requests",), True), (("req*",), True), (("flask",), False), (("Requests",), True)],
)
def test_packages_are_granted_by_an_allow_list(patterns: tuple[str, ...], is_granted: bool) -> None:
    verdict = decide(REQUESTS, Policy(packages=patterns), Standing(None))
    assert verdict.change == (Change("requests", what="requests>=2") if is_granted else None)
    assert verdict.ask or is_granted


def test_an_allow_list_for_pypi_does_not_open_npm() -> None:
    left_pad = Package("npm:left-pad", "left-pad")
    assert decide(left_pad, Policy(packages=("left-pad",)), Standing(None)).change is None
    assert decide(left_pad, Policy(packages=("npm:*",)), Standing(None)).change is not None


def test_only_tools_that_there_are_can_be_granted() -> None:
    known = {"report_benchmark", "full"}
    access = RequestedResource.tool_access
    assert understood(access, " full ", known) == "full"
    assert understood(access, "docker", known) is None
    assert decide("full", Policy(tools=("*",)), Standing(None)).change == Change("tool_profile", what="full")
    assert decide("full", Policy(tools=("report_*",)), Standing(None)).change is None


def test_what_is_not_understood_goes_to_the_manager() -> None:
    verdict = decide(understood(RequestedResource.compute, "2 cores", ()), Policy(), Standing(1000))
    assert (verdict.change, verdict.ask) == (None, True)


def test_grants_add_up_in_any_order_and_only_while_they_hold() -> None:
    notes = [
        note("q-1"),
        note("q-2", delta=70),
        note("q-3", state=None, delta=9),
        note("q-4", state=GrantState.expired),
        note("q-5", state=GrantState.failed),
        note("q-6", target="processes"),
    ]
    assert granted(notes, "memory_mb") == 570
    assert promised(notes, "memory_mb") == 579


def test_tools_are_open_while_their_grant_holds() -> None:
    notes = [
        note("q-1", target="tool_profile", what="full"),
        note("q-2", target="tool_profile", what="report_benchmark", state=GrantState.expired),
    ]
    assert granted_tools(notes) == ["full"]


def test_the_next_step_is_what_waits_and_then_what_is_over() -> None:
    waiting = note("q-1", state=None)
    over = note("q-2", expires_at=NOW)
    later = note("q-3", expires_at=NOW + timedelta(seconds=1))
    assert next_step([later, over, waiting], NOW) == waiting
    assert next_step([later, over], NOW) == over
    assert next_step([later, note("q-4", state=GrantState.failed)], NOW) is None
    assert next_expiry([later, over, note("q-5")]) == NOW
    assert next_expiry([note("q-5")]) is None


def test_a_note_replaces_itself_and_what_opened_the_same() -> None:
    old = note("q-1", target="requests", what="requests>=2")
    assert with_note([old], old.model_copy(update={"detail": "x"}))[0].detail == "x"
    renewed = note("q-2", target="requests", what="requests>=2", state=None)
    assert with_note([old], renewed) == [renewed]


def test_few_grants_that_are_over_are_kept_and_all_that_hold() -> None:
    over = [note(f"q-{number}", state=GrantState.expired) for number in range(REMEMBERED + 9)]
    kept = with_note([note("q-holds"), *over], note("q-new"))
    assert len(kept) == REMEMBERED + 2
    assert (kept[0].question_id, kept[1].question_id, kept[-1].question_id) == ("q-holds", "q-9", "q-new")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"before": "1000", "after": "1500"}, ["memory_mb", "policy", "from 1000 to 1500", "until the attempt ends"]),
        ({"before": "1", "after": "2", "expires_at": NOW}, [f"until {NOW.isoformat(timespec='seconds')}"]),
        ({"state": GrantState.expired, "before": "1500", "after": "1000"}, ["has ended", "from 1500 to 1000"]),
        ({"state": GrantState.failed, "detail": "too high"}, ["not applied", "too high"]),
        ({"state": None}, ["being applied"]),
    ],
)
def test_a_grant_is_told_in_a_sentence(values: dict[str, Any], words: list[str]) -> None:
    told = sentence(note(**values))
    assert all(word in told for word in words), told

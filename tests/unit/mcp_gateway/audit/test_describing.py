"""What becomes an entry, and as what."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.access import Role
from contracts.audit import AuditOutcome, AuditSource
from contracts.decided import DecidedEvent, DecidedKind
from mcp_gateway.decisions.audit.criticality import DECIDED, outcome_of
from mcp_gateway.decisions.audit.describing import Caller, Made, credential_of, ended, entries_of, entry_of
from mcp_gateway.decisions.audit.outcomes import of_result, of_status
from mcp_gateway.domain.principals import LOCAL, Kind, Principal

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
ALICE = Principal("alice", Role.operator, Kind.key, key_id="key-1")


def decided(kind: DecidedKind, **more: Any) -> DecidedEvent:
    return DecidedEvent(event_id="0198f3a1-7c3e-7d2a-9b1c-2f3e4d5c6b7a", kind=kind, occurred_at=NOW, **more)


def test_somebody_has_chosen_for_every_kind_of_decision() -> None:
    assert set(DECIDED) == set(DecidedKind)


def test_a_kind_that_nobody_has_thought_of_is_kept() -> None:
    assert outcome_of("task.unheard_of") is AuditOutcome.ok  # pyright: ignore[reportArgumentType]


def test_measurements_are_left_out_and_decisions_kept_with_who_took_them() -> None:
    about = {"task_id": "task-1", "attempt": 2, "worker_id": "w1", "actor": "alice"}
    (kept,) = entries_of(
        [decided(DecidedKind.worker_sampled), decided(DecidedKind.task_stale_report, data={"token": "x"}, **about)]
    )
    assert (kept.source, kept.action, kept.outcome) == (AuditSource.event, "task.stale_report", AuditOutcome.refused)
    assert (kept.principal, kept.task_id, kept.attempt, kept.worker_id) == ("alice", "task-1", 2, "w1")
    assert json.loads(kept.details)["token"] == "********"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (DecidedKind.worker_ended, {"reason": "it hangs", "instance": "0b9c"}),
        (DecidedKind.worker_scaled, {"reason": "fewer workers are needed", "workers_before": 3, "workers": 2}),
    ],
)
def test_what_was_done_with_the_fleet_is_kept_with_whom_why_and_who_asked(
    kind: DecidedKind, data: dict[str, Any]
) -> None:
    (kept,) = entries_of([decided(kind, worker_id="w1", actor="alice", data=data)])
    assert (kept.action, kept.outcome) == (kind.value, AuditOutcome.ok)
    assert (kept.principal, kept.worker_id) == ("alice", "w1")
    assert data.items() <= json.loads(kept.details).items()


def test_a_call_is_kept_with_who_made_it_from_where_and_without_the_credential() -> None:
    made = Made(AuditSource.tool, "cancel_task", {"task_id": "task-1", "reason": "password=hunter2"}, NOW)
    entry = entry_of(made, Caller(ALICE, "10.0.0.1", "ab" * 16), AuditOutcome.begun)
    assert (entry.principal, entry.credential, entry.role, entry.client) == ("alice", "key-1", "operator", "10.0.0.1")
    assert (entry.task_id, entry.trace_id) == ("task-1", "ab" * 16)
    assert "hunter2" not in entry.details


def test_who_is_not_known_is_nobody() -> None:
    made = Made(AuditSource.authentication, "authentication", {"path": "/mcp"}, NOW)
    entry = entry_of(made, Caller(None), AuditOutcome.refused)
    assert (entry.principal, entry.credential, entry.role) == ("unknown", None, None)


def test_the_task_that_a_call_made_is_named() -> None:
    made = Made(AuditSource.tool, "assign_task", {"description": "x"}, NOW)
    entry = ended(entry_of(made, Caller(LOCAL), AuditOutcome.begun), (AuditOutcome.ok, None), 12, {"task_id": "task-9"})
    assert (entry.outcome, entry.task_id, entry.duration_ms) == (AuditOutcome.ok, "task-9", 12)


@pytest.mark.parametrize(
    ("principal", "credential"),
    [
        (LOCAL, "local"),
        (ALICE, "key-1"),
        (Principal("bob", Role.viewer, Kind.token), "token:bob"),
        (Principal("eve", Role.viewer, Kind.oauth, issuer="https://id.example.com"), "oauth:https://id.example.com"),
    ],
)
def test_a_credential_is_named_by_its_id(principal: Principal, credential: str) -> None:
    assert credential_of(principal) == credential


@pytest.mark.parametrize(
    ("result", "came"),
    [
        ({"content": []}, (AuditOutcome.ok, None)),
        (None, (AuditOutcome.ok, None)),
        ({"resultType": "input_required"}, (AuditOutcome.asked, None)),
        (
            {"isError": True, "_meta": {"mews/problem": {"code": "not_found", "status": 404}}},
            (AuditOutcome.refused, "not_found"),
        ),
        (
            {"isError": True, "_meta": {"mews/problem": {"code": "service_unavailable", "status": 503}}},
            (AuditOutcome.failed, "service_unavailable"),
        ),
        ({"isError": True}, (AuditOutcome.failed, "error")),
    ],
)
def test_an_answer_says_what_came_of_the_call(result: Any, came: Any) -> None:
    assert of_result(result) == came


@pytest.mark.parametrize(
    ("status", "code", "came"),
    [
        (204, None, (AuditOutcome.ok, None)),
        (404, "not_found", (AuditOutcome.refused, "not_found")),
        (401, None, (AuditOutcome.refused, "http_401")),
        (503, "unavailable", (AuditOutcome.failed, "unavailable")),
    ],
)
def test_a_status_says_what_came_of_the_request(status: int, code: str | None, came: Any) -> None:
    assert of_status(status, code) == came

"""What a worker's request for help becomes."""

from collections.abc import Set as AbstractSet
from typing import Any

import pytest

from contracts.decided import DecidedEvent, DecidedKind
from contracts.tasks import MAX_DESCRIPTION, Requirements
from orchestrator.decisions.collaboration import closes_request, linked_task, objection, request_in, terms_of
from servicekit.ids import new_event_id
from tests.support.examples import NOW
from tests.support.views import queued_task

REQUEST = {"collaboration_type": "testing", "task_description": "Write tests"}


def news(kind: DecidedKind = DecidedKind.question_asked, **changes: Any) -> DecidedEvent:
    data = {"kind": "collaboration_request", "request": REQUEST} | changes.pop("data", {})
    about = {"task_id": "task-1", "attempt": 1, "worker_id": "w1", "question_id": "q-1"}
    return DecidedEvent.model_validate(
        {"event_id": new_event_id(), "kind": kind, "occurred_at": NOW, "data": data} | about | changes
    )


def test_a_request_that_was_held_back_becomes_a_task_when_it_is_approved() -> None:
    held = news(data={"request": None})
    assert request_in(held) is None
    assert request_in(news(DecidedKind.question_approved)) is not None


def made(requirements: dict[str, Any], capabilities: AbstractSet[str] = frozenset(), **request: Any) -> Any:
    event = news(data={"request": REQUEST | request})
    asked = request_in(event)
    assert asked is not None
    parent = queued_task("task-1", requirements=Requirements.model_validate(requirements))
    return linked_task(asked, terms_of(event, asked), parent, capabilities)


@pytest.mark.parametrize(
    "code",
    [
        {"repository": "r", "ref": "v1", "branch": "b"},
        {"repository": "r", "branch": "b"},
        {"repository": "r", "ref": "v1"},
        {"repository": "r"},
        {},
    ],
)
def test_the_helper_starts_from_the_code_that_the_asker_started_from(code: dict[str, Any]) -> None:
    task = made(code | {"env": {"T": "s"}, "verify": ["x"], "agent": "a"})
    assert task.requirements == Requirements.model_validate(code)
    assert (task.idempotency_key, task.max_attempts, task.worker_id) == ("collaboration:q-1", 2, None)


@pytest.mark.parametrize(
    ("asker", "capabilities", "helper"),
    [
        ({"agent": "codex"}, {"agent:codex", "docker"}, {"agent": "codex"}),
        ({"agent": "codex", "model": "m"}, {"agent:codex"}, {"agent": "codex", "model": "m"}),
        ({"agent": "codex", "model": "m"}, {"agent:claude", "codex"}, {}),
        ({"agent": "codex", "max_turns": 3}, {"agent:codex"}, {"agent": "codex"}),
        ({"agent": "command", "command": "true"}, {"agent:command"}, {}),
        ({"model": "m"}, {"agent:codex"}, {}),
    ],
)
def test_the_helper_is_the_askers_kind_of_agent_where_there_is_one(
    asker: dict[str, Any], capabilities: set[str], helper: dict[str, Any]
) -> None:
    code = {"repository": "r"}
    assert made(code | asker, capabilities).requirements == Requirements.model_validate(code | helper)


def test_a_very_long_request_leaves_room_for_how_to_answer() -> None:
    task = made({}, task_description="x" * 60_000, context="y" * 60_000)
    assert len(task.description) == MAX_DESCRIPTION
    assert task.description.endswith("or `declined` with the reason.")


def test_what_is_no_request_becomes_nothing() -> None:
    assert request_in(news(data={"kind": "question"})) is None
    assert request_in(news(data={"request": None})) is None
    assert request_in(news(DecidedKind.question_expired)) is None
    assert request_in(news(attempt=None)) is None


def test_nobody_helps_itself_and_only_known_workers_are_asked() -> None:
    def objection_to(target: str | None, known: bool) -> str | None:
        event = news(data={"request": REQUEST | {"target_worker": target}})
        asked = request_in(event)
        assert asked is not None
        return objection(asked, terms_of(event, asked), target_is_known=known)

    assert objection_to("w1", True) == "target_worker w1 is the asking worker itself"
    assert objection_to("w9", False) == "target_worker w9 is not known; list_workers shows those there are"
    assert objection_to("w2", True) is None
    assert objection_to(None, True) is None


@pytest.mark.parametrize(
    ("event", "closes"),
    [
        (news(DecidedKind.question_expired), True),
        (news(DecidedKind.question_withdrawn, data={"helper_worker": "w2"}), True),
        (news(DecidedKind.question_answered, actor="w2", data={"helper_worker": "w2"}), False),
        (news(DecidedKind.question_answered, actor="ada", data={"helper_worker": "w2"}), True),
        (news(DecidedKind.question_answered, actor="ada"), True),
        (news(DecidedKind.question_asked), False),
        (news(DecidedKind.question_expired, data={"kind": "question"}), False),
    ],
)
def test_a_request_that_is_over_needs_no_helper_unless_the_helper_closed_it(event: DecidedEvent, closes: bool) -> None:
    assert closes_request(event) is closes

"""What becomes of a decision about a request."""

from datetime import timedelta

import pytest

from contracts.questions import QuestionState, RequestDecision, Ruling
from question_broker.decisions.asking import Approval, question_of
from question_broker.decisions.ruling import decide
from question_broker.domain import Question
from question_broker.errors import AlreadyDecided, InvalidDecision, NotARequest, QuestionClosed
from tests.support.examples import FULL, MINIMAL, NOW, event


def request(body: dict[str, object] | None = None) -> Question:
    return question_of(event("resource_request", body or FULL["resource_request"]), 0)  # type: ignore[arg-type]


def test_a_decision_closes_the_request_and_says_what_it_gets() -> None:
    decision = RequestDecision(decision=Ruling.trimmed, amount_granted="1 core", reason="enough", decided_by="ada")
    decided = decide(request(), decision, NOW)
    assert decided is not None
    assert (decided.state, decided.answer) == (QuestionState.answered, "trimmed: 1 core for 60000 ms")
    assert (decided.additional_context, decided.answered_by, decided.decision) == ("enough", "ada", decision)


def test_what_lasts_until_the_end_names_no_time() -> None:
    decided = decide(request(MINIMAL["resource_request"]), RequestDecision(decision=Ruling.granted), NOW)
    assert decided is not None
    assert "ms" not in (decided.answer or "")


def test_who_decides_the_same_again_changes_nothing_and_another_decision_comes_too_late() -> None:
    decided = decide(request(), RequestDecision(decision=Ruling.granted), NOW)
    assert decided is not None
    assert decide(decided, RequestDecision(decision=Ruling.granted, decided_by="bob"), NOW) is None
    with pytest.raises(QuestionClosed):
        decide(decided, RequestDecision(decision=Ruling.granted, duration_ms=5), NOW)


def test_a_decision_must_be_one() -> None:
    with pytest.raises(NotARequest, match="answer_worker_question"):
        decide(question_of(event("question", FULL["question"]), 0), RequestDecision(decision=Ruling.granted), NOW)  # type: ignore[arg-type]
    with pytest.raises(InvalidDecision, match="amount_granted: trimmed needs"):
        decide(request(), RequestDecision(decision=Ruling.trimmed), NOW)
    with pytest.raises(InvalidDecision, match="amount_granted: refused grants nothing"):
        decide(request(), RequestDecision(decision=Ruling.refused, amount_granted="1"), NOW)


def permission() -> Question:
    body = {"question": "May I push?", "question_type": "permission"}
    return question_of(event("question", body), 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("decision", "answer"),
    [
        ({"decision": "granted"}, "allowed"),
        ({"decision": "granted", "duration_ms": 5}, "allowed for 5 ms"),
        ({"decision": "trimmed", "amount_granted": "to your own branch"}, "allowed, but only: to your own branch"),
        ({"decision": "refused", "reason": "not now"}, "denied: not now"),
        ({"decision": "refused"}, "denied"),
    ],
)
def test_a_permission_is_given_or_denied(decision: dict[str, object], answer: str) -> None:
    decided = decide(permission(), RequestDecision.model_validate(decision), NOW)
    assert decided is not None
    assert (decided.state, decided.answer) == (QuestionState.answered, answer)


def test_a_permission_is_trimmed_to_conditions() -> None:
    with pytest.raises(InvalidDecision, match="amount_granted: a permission is trimmed to conditions"):
        decide(permission(), RequestDecision(decision=Ruling.trimmed), NOW)


def help_wanted(approval: Approval = Approval.manager) -> Question:
    return question_of(event("collaboration_request", FULL["collaboration_request"]), 0, approval)  # type: ignore[arg-type]


def test_help_that_is_granted_goes_ahead_and_stays_so() -> None:
    granted = decide(help_wanted(), RequestDecision(decision=Ruling.granted), NOW)
    assert granted is not None
    assert (granted.state, granted.needs_approval) == (QuestionState.open, False)
    assert decide(granted, RequestDecision(decision=Ruling.granted, decided_by="bob"), NOW) is None
    with pytest.raises(AlreadyDecided, match="is granted already, by manager"):
        decide(granted, RequestDecision(decision=Ruling.refused), NOW)


def test_help_is_trimmed_to_a_time_within_its_deadline() -> None:
    short = decide(help_wanted(), RequestDecision(decision=Ruling.trimmed, duration_ms=1_000), NOW)
    assert short is not None
    assert short.expires_at == NOW + timedelta(seconds=1)
    long = decide(help_wanted(), RequestDecision(decision=Ruling.trimmed, duration_ms=10**9), NOW)
    assert long is not None
    assert long.expires_at == help_wanted().expires_at
    with pytest.raises(InvalidDecision, match="duration_ms: help is trimmed to a time"):
        decide(help_wanted(), RequestDecision(decision=Ruling.trimmed, amount_granted="half"), NOW)


@pytest.mark.parametrize("approval", list(Approval))
def test_help_that_is_refused_is_closed(approval: Approval) -> None:
    refused = decide(help_wanted(approval), RequestDecision(decision=Ruling.refused, reason="busy"), NOW)
    assert refused is not None
    assert (refused.state, refused.answer) == (QuestionState.answered, "refused: busy")
    with pytest.raises(QuestionClosed):
        decide(refused, RequestDecision(decision=Ruling.granted), NOW)

"""What becomes of a decision about a request."""

import pytest

from contracts.questions import QuestionState, RequestDecision, Ruling
from question_broker.decisions.asking import question_of
from question_broker.decisions.ruling import decide
from question_broker.domain import Question
from question_broker.errors import InvalidDecision, NotARequest, QuestionClosed
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

"""What becomes of a decision about a request for resources."""

from datetime import datetime

from contracts.questions import QuestionKind, RequestDecision, Ruling
from question_broker.domain import Question
from question_broker.errors import InvalidDecision, NotARequest


def decide(question: Question, decision: RequestDecision, now: datetime) -> Question | None:
    """The decided request, or None when this very decision stands already.

    Raises NotARequest, InvalidDecision, QuestionClosed.
    """
    if question.kind is not QuestionKind.resource_request:
        raise NotARequest(
            f"{question.question_id} is a {question.kind.value}, and only a resource_request can be decided; "
            "answer it with answer_worker_question"
        )
    _check(decision)
    if question.decision is not None and _terms(question.decision) == _terms(decision):
        return None
    return question.decided(decision, _words(question, decision), now)


def _check(decision: RequestDecision) -> None:
    if decision.decision is Ruling.trimmed and decision.amount_granted is None:
        raise InvalidDecision("amount_granted", "trimmed needs the amount that is granted instead of what was asked")
    if decision.decision is Ruling.refused and decision.amount_granted is not None:
        raise InvalidDecision("amount_granted", "refused grants nothing; leave it out, or decide trimmed")


def _terms(decision: RequestDecision) -> RequestDecision:
    """Who decided is not part of what was decided."""
    return decision.model_copy(update={"decided_by": ""})


def _words(question: Question, decision: RequestDecision) -> str:
    asked = question.request or {}
    if decision.decision is Ruling.refused:
        return f"refused: {decision.reason}" if decision.reason else "refused"
    amount = decision.amount_granted or asked.get("amount_needed", "what was asked for")
    lasts = decision.duration_ms if decision.duration_ms is not None else asked.get("duration_ms")
    return f"{decision.decision.value}: {amount}" + (f" for {lasts} ms" if lasts is not None else "")

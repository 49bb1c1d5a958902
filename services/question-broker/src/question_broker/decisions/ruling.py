"""What becomes of a decision about a request for resources, permission or collaboration."""

from datetime import datetime, timedelta

from contracts.questions import QuestionKind, RequestDecision, Ruling
from question_broker.domain import Question
from question_broker.errors import AlreadyDecided, InvalidDecision, NotARequest


def decide(question: Question, decision: RequestDecision, now: datetime) -> Question | None:
    """The decided request, or None when this very decision stands already.

    Raises NotARequest, InvalidDecision, QuestionClosed, AlreadyDecided.
    """
    if not question.is_request:
        raise NotARequest(
            f"{question.question_id} is a {question.kind.value} of type {question.question_type}, and only requests "
            "for resources, permission or collaboration can be decided; answer it with answer_worker_question"
        )
    _check(question, decision)
    if question.decision is not None and _terms(question.decision) == _terms(decision):
        return None
    if question.kind is QuestionKind.collaboration_request:
        return _help(question, decision, now)
    return question.decided(decision, _words(question, decision), now)


def _check(question: Question, decision: RequestDecision) -> None:
    if decision.decision is Ruling.trimmed:
        _check_trimmed(question, decision)
    if decision.decision is Ruling.refused and decision.amount_granted is not None:
        raise InvalidDecision("amount_granted", "refused grants nothing; leave it out, or decide trimmed")


def _check_trimmed(question: Question, decision: RequestDecision) -> None:
    if question.kind is QuestionKind.collaboration_request:
        if decision.duration_ms is None:
            raise InvalidDecision("duration_ms", "help is trimmed to a time: say how many ms it may take from now on")
    elif decision.amount_granted is None and question.kind is QuestionKind.question:
        raise InvalidDecision("amount_granted", "a permission is trimmed to conditions: say under which it is given")
    elif decision.amount_granted is None:
        raise InvalidDecision("amount_granted", "trimmed needs the amount that is granted instead of what was asked")


def _help(question: Question, decision: RequestDecision, now: datetime) -> Question:
    """Refused: closed, and whoever works on it is stopped. Else it goes ahead, at most until its deadline."""
    if question.is_open and question.decision is not None:
        raise AlreadyDecided(
            f"request {question.question_id} is {question.decision.decision.value} already, by "
            f"{question.decision.decided_by}; close it with answer_worker_question"
        )
    if decision.decision is Ruling.refused:
        return question.decided(decision, _refused("refused", decision), now)
    return question.approved(decision, _until(question, decision, now))


def _until(question: Question, decision: RequestDecision, now: datetime) -> datetime | None:
    if decision.duration_ms is None:
        return question.expires_at
    until = now + timedelta(milliseconds=decision.duration_ms)
    return until if question.expires_at is None else min(until, question.expires_at)


def _terms(decision: RequestDecision) -> RequestDecision:
    """Who decided is not part of what was decided."""
    return decision.model_copy(update={"decided_by": ""})


def _words(question: Question, decision: RequestDecision) -> str:
    if question.kind is QuestionKind.question:
        return _permission(decision)
    asked = question.request or {}
    if decision.decision is Ruling.refused:
        return _refused("refused", decision)
    amount = decision.amount_granted or asked.get("amount_needed", "what was asked for")
    lasts = decision.duration_ms if decision.duration_ms is not None else asked.get("duration_ms")
    return f"{decision.decision.value}: {amount}{_lasting(lasts)}"


def _permission(decision: RequestDecision) -> str:
    if decision.decision is Ruling.refused:
        return _refused("denied", decision)
    but = "allowed, but only: " if decision.decision is Ruling.trimmed else "allowed: "
    terms = f"{but}{decision.amount_granted}" if decision.amount_granted else "allowed"
    return f"{terms}{_lasting(decision.duration_ms)}"


def _refused(word: str, decision: RequestDecision) -> str:
    return f"{word}: {decision.reason}" if decision.reason else word


def _lasting(duration_ms: object) -> str:
    return f" for {duration_ms} ms" if duration_ms is not None else ""

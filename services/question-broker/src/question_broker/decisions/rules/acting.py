"""What a rule does with a question that it fits."""

from collections.abc import Mapping
from datetime import datetime

from contracts.questions import QuestionKind, QuestionType, RequestDecision, Ruling
from contracts.rules import PermissionPolicy, RequestPolicy, Rule
from question_broker.decisions.rules import amounts, patterns, templates
from question_broker.decisions.rules.conditions import searched
from question_broker.decisions.ruling import decide
from question_broker.domain import Question
from question_broker.errors import QuestionError

Groups = Mapping[str, str | None]


def act(rule: Rule, question: Question, repository: str | None, groups: Groups, now: datetime) -> Question | None:
    """The question after the rule; None where it has nothing to say to this one."""
    by = f"rule:{rule.rule_id}"
    if rule.then.answer is not None:
        after = _answered(rule.then.answer, question, repository, groups, by, now)
    else:
        after = _decided(question, _decision(rule, question, by), now)
    return None if after is None else after.by_rule(rule.rule_id)


def _answered(
    template: str, question: Question, repository: str | None, groups: Groups, by: str, now: datetime
) -> Question | None:
    own = {
        "question": question.question,
        "question_type": question.question_type,
        "context": question.context,
        "default_answer": question.default_answer,
        "worker_id": question.worker_id,
        "task_id": question.task_id,
        "repository": repository,
        "priority": question.priority,
    }
    answer = templates.fill(template, {**groups, **own})
    return None if answer is None else question.answered(answer, None, by, now)


def _decision(rule: Rule, question: Question, by: str) -> RequestDecision | None:
    if rule.then.permission is not None:
        return _permission(rule.then.permission, rule.name, question, by)
    return _request(rule.then.decision, question, by) if rule.then.decision is not None else None


def _decided(question: Question, decision: RequestDecision | None, now: datetime) -> Question | None:
    if decision is None:
        return None
    try:
        return decide(question, decision, now)
    except QuestionError:
        # It cannot be decided so: the rules behind this one, or the manager, may know better.
        return None


def _permission(policy: PermissionPolicy, name: str, question: Question, by: str) -> RequestDecision | None:
    if question.kind is not QuestionKind.question or question.question_type != QuestionType.permission:
        return None
    for ruling, listed in ((Ruling.refused, policy.deny), (Ruling.granted, policy.allow)):
        found = next((one for one in listed if patterns.search(one, searched(question)) is not None), None)
        if found is not None:
            reason = policy.reason or f"rule {name!r}, pattern {found!r}"
            return RequestDecision(decision=ruling, reason=reason, decided_by=by)
    return None


def _request(policy: RequestPolicy, question: Question, by: str) -> RequestDecision | None:
    plain = RequestDecision(
        decision=policy.decision,
        amount_granted=policy.amount_granted,
        duration_ms=policy.duration_ms,
        reason=policy.reason,
        decided_by=by,
    )
    is_limit = policy.decision is Ruling.trimmed and question.kind is QuestionKind.resource_request
    return _at_most(plain, question) if is_limit else plain


def _at_most(limit: RequestDecision, question: Question) -> RequestDecision | None:
    """What is granted of a resource: as asked where that is within the limit; None where it cannot be told."""
    asked = question.request or {}
    amount, wanted = str(asked.get("amount_needed", "")), asked.get("duration_ms")
    is_enough = True if limit.amount_granted is None else amounts.is_within(amount, limit.amount_granted)
    if is_enough is None:
        return None
    is_short = limit.duration_ms is None or (isinstance(wanted, int) and wanted <= limit.duration_ms)
    if is_enough and is_short:
        return limit.model_copy(update={"decision": Ruling.granted, "amount_granted": None, "duration_ms": None})
    terms = {
        "amount_granted": amount if is_enough else limit.amount_granted,
        "duration_ms": None if is_short else limit.duration_ms,
    }
    return limit.model_copy(update=terms)

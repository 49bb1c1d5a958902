"""All rules on one question, and one rule on all past questions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from contracts.questions import QuestionState, RequestDecision
from contracts.rules import DryRun, DryRunHit, Rule, RuleState
from question_broker.decisions.rules.acting import act
from question_broker.decisions.rules.conditions import fit
from question_broker.domain import Question

MOST_SHOWN = 200
TOLD = 500
"""Characters of a past question that a dry-run repeats."""
ANSWERED = frozenset({QuestionState.answered, QuestionState.auto_answered})


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that fits a question, and what it says to it."""

    rule_id: str
    version: int
    state: RuleState
    question_id: str
    answer: str
    decision: RequestDecision | None


def tried(
    rules: Iterable[Rule], question: Question, repository: str | None, now: datetime
) -> tuple[Question, list[Hit]]:
    """The question after the first active rule that fits, and that rule's hit with those of dry-runs before it."""
    hits: list[Hit] = []
    for rule in rules:
        after = outcome(rule, question, repository, now)
        if after is None:
            continue
        hits.append(_hit(rule, after))
        if rule.state is RuleState.active:
            return after, hits
    return question, hits


def outcome(rule: Rule, question: Question, repository: str | None, now: datetime) -> Question | None:
    """The open question after this rule alone; None where it does not fit."""
    groups = fit(rule.when, question, repository)
    return None if groups is None else act(rule, question, repository, groups, now)


def dry_run(rule: Rule, past: Sequence[Question], repositories: Mapping[str, str], now: datetime) -> DryRun:
    """What the rule would have done to past questions, beside what came of them."""
    hits: list[DryRunHit] = []
    for question in past:
        would = outcome(rule, _as_asked(question), repositories.get(question.task_id or ""), now)
        if would is not None:
            hits.append(beside(question, would.answer or "granted", would.decision))
    verdicts = [hit.agrees for hit in hits]
    agreed, disagreed = verdicts.count(True), verdicts.count(False)
    shown = sorted(hits, key=lambda hit: hit.agrees is not False)[:MOST_SHOWN]
    return DryRun(
        rule_id=rule.rule_id,
        version=rule.version,
        examined=len(past),
        matched=len(hits),
        agreed=agreed,
        disagreed=disagreed,
        unanswered=verdicts.count(None),
        agreement_percent=round(100 * agreed / (agreed + disagreed), 1) if agreed + disagreed else None,
        hits=shown,
        hits_left_out=len(hits) - len(shown),
    )


def beside(question: Question, answer: str, decision: RequestDecision | None) -> DryRunHit:
    """What a rule would have said to a question, and what really came of it."""
    return DryRunHit(
        question_id=question.question_id,
        question=question.question[:TOLD],
        would_answer=answer,
        would_decide=decision,
        state=question.state,
        answer=question.answer,
        answered_by=question.answered_by,
        agrees=_agrees(question, answer, decision),
    )


def _agrees(question: Question, answer: str, decision: RequestDecision | None) -> bool | None:
    if question.decision is not None and decision is not None:
        real = question.decision
        return (real.decision, real.amount_granted) == (decision.decision, decision.amount_granted)
    if question.state not in ANSWERED or question.answer is None:
        return None
    return _plain(question.answer) == _plain(answer)


def _as_asked(question: Question) -> Question:
    return replace(question, state=QuestionState.open, answer=None, answered_at=None, decision=None, rule_id=None)


def _hit(rule: Rule, after: Question) -> Hit:
    answer = after.answer or "granted"
    return Hit(rule.rule_id, rule.version, rule.state, after.question_id, answer, after.decision)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())

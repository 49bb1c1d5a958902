"""Rules that answer questions of workers before a person has to."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from contracts.base import Count, Level, Milliseconds, Model, Name, OptionalText, Percent, QuestionId, Text, UtcTime
from contracts.questions import QuestionKind, QuestionState, RequestDecision, Ruling

RuleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Rule id, such as `rule-0198f3…`.")]
Pattern = Annotated[Text, Field(max_length=2_000)]
Glob = Annotated[Text, Field(max_length=500)]
Position = Annotated[int, Field(ge=0, le=1_000_000)]


class RuleState(StrEnum):
    """Life of a rule."""

    dry_run = "dry_run"
    """It records what it would have answered, and answers nothing."""
    active = "active"
    disabled = "disabled"


class RuleConditions(Model):
    """Which questions a rule is about: all that is given must fit; what is left out fits all."""

    kinds: Annotated[list[QuestionKind], Field(max_length=3)] = []
    question_types: Annotated[list[Name], Field(max_length=30)] = []
    """A question's type, the type of the resource, or the type of the collaboration."""
    pattern: Pattern | None = None
    """Regular expression (RE2 syntax) that is found in the question or its context."""
    repository: Glob | None = None
    """The task's repository; `*` stands for any characters, `?` for one."""
    worker: Glob | None = None
    """The asking worker's id, with the same wildcards."""
    priorities: Annotated[list[Level], Field(max_length=4)] = []


class PermissionPolicy(Model):
    """Answers a question of type permission: denied if a deny pattern is found, else allowed if an allow one is.

    Where neither is found, the question is left to the rules behind this one, and to the manager.
    """

    allow: Annotated[list[Pattern], Field(max_length=100)] = []
    """Regular expressions (RE2 syntax)."""
    deny: Annotated[list[Pattern], Field(max_length=100)] = []
    """The same; what is denied stays denied whatever is allowed."""
    reason: Annotated[OptionalText, Field(max_length=1_000)] | None = None
    """Told to the worker with the answer."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.allow and not self.deny:
            raise ValueError("permission: needs at least one pattern in allow or deny")
        return self


class RequestPolicy(Model):
    """Decides a request for resources, permission or collaboration."""

    decision: Ruling
    """trimmed: a resource is granted up to `amount_granted`; a request below that is granted as asked."""
    amount_granted: Text | None = None
    duration_ms: Milliseconds | None = None
    reason: Annotated[OptionalText, Field(max_length=1_000)] | None = None

    @model_validator(mode="after")
    def _fits_the_decision(self) -> Self:
        if self.decision is Ruling.trimmed and self.amount_granted is None and self.duration_ms is None:
            raise ValueError("amount_granted: trimmed needs the amount or the duration_ms that is granted at most")
        if self.decision is Ruling.refused and self.amount_granted is not None:
            raise ValueError("amount_granted: refused grants nothing; leave it out, or decide trimmed")
        return self


class RuleAction(Model):
    """What a rule does with a question: exactly one of these."""

    answer: Text | None = None
    """The answer. In it `{question}`, `{question_type}`, `{default_answer}`, `{worker_id}`, `{task_id}`,
    `{repository}`, `{priority}` and the named groups of the pattern are filled in; `{{` stands for a brace."""
    permission: PermissionPolicy | None = None
    decision: RequestPolicy | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [name for name in ("answer", "permission", "decision") if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none"
            raise ValueError(f"then: give exactly one of answer, permission, decision; given: {said}")
        return self


class NewRule(Model):
    """A rule to be; it begins on dry-run."""

    name: Name
    description: Annotated[OptionalText, Field(max_length=2_000)] | None = None
    position: Position = 1_000
    """Rules are tried by position, the smallest first; the first that fits answers."""
    when: RuleConditions = RuleConditions()
    then: RuleAction
    created_by: Name = "manager"


class RuleChange(Model):
    """What changes of a rule; what is left out stays. Other conditions or another answer put it back on dry-run."""

    name: Name | None = None
    description: Annotated[OptionalText, Field(max_length=2_000)] | None = None
    position: Position | None = None
    when: RuleConditions | None = None
    then: RuleAction | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(f"name: nothing to change; give one of {', '.join(type(self).model_fields)}")
        return self


class Rule(Model):
    """A rule as it stands."""

    rule_id: RuleId
    name: Name
    description: OptionalText | None = None
    position: Position
    state: RuleState
    when: RuleConditions
    then: RuleAction
    version: int
    """Counts up with every change of its conditions or its answer."""
    is_tested: bool
    """Whether this version was on dry-run: one that was not cannot be activated."""
    dry_run_hits: Count = 0
    """Questions that it would have answered."""
    hits: Count = 0
    """Questions that it has answered."""
    last_hit_at: UtcTime | None = None
    created_by: Name
    created_at: UtcTime
    updated_at: UtcTime


class DryRunRequest(Model):
    """Which past questions a rule is tried on."""

    since: UtcTime | None = None
    """Only questions asked at or after this time."""
    until: UtcTime | None = None
    """Only questions asked before this time."""
    limit: Annotated[int, Field(ge=1, le=5_000)] = 500
    """The newest so many."""


class DryRunHit(Model):
    """A past question that the rule would have answered, beside what really came of it."""

    question_id: QuestionId
    question: OptionalText
    would_answer: OptionalText
    would_decide: RequestDecision | None = None
    state: QuestionState
    answer: OptionalText | None = None
    answered_by: OptionalText | None = None
    agrees: bool | None = None
    """Whether both are the same; left out where nobody has answered it."""


class DryRun(Model):
    """What a rule would have done to past questions."""

    rule_id: RuleId
    version: int
    examined: Count
    """Questions that it was tried on."""
    matched: Count
    """Questions that it would have answered."""
    agreed: Count
    disagreed: Count
    unanswered: Count
    """Questions that it would have answered, and nobody else has."""
    agreement_percent: Percent | None = None
    """agreed / (agreed + disagreed); left out where nothing can be compared."""
    hits: list[DryRunHit] = []
    """The newest of them; those that disagree stand first."""
    hits_left_out: Count = 0

"""A question and the only ways in which it changes."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from contracts.base import JsonObject
from contracts.questions import Answer, QuestionKind, QuestionState, QuestionType, QuestionView, RequestDecision
from question_broker.errors import QuestionClosed


class Link(NamedTuple):
    """Which attempt of which task works on a request for collaboration; attempt 0, and no worker, before the first."""

    question_id: str
    task_id: str
    attempt: int
    worker_id: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """What a worker asked, and what came of it."""

    question_id: str
    kind: QuestionKind
    state: QuestionState
    worker_id: str
    task_id: str | None
    attempt: int | None
    question: str
    question_type: str
    context: str | None
    options: tuple[str, ...]
    default_answer: str | None
    priority: str
    asked_at: datetime
    """By the worker's clock until it has arrived; then when it did."""
    expires_at: datetime | None
    answer: str | None = None
    additional_context: str | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None
    request: JsonObject | None = None
    """What was asked, as it was written: of a request for resources or for collaboration."""
    waits: bool = True
    """Whether the worker waits for the answer."""
    decision: RequestDecision | None = None
    findings: tuple[str, ...] = ()
    linked_task_id: str | None = None
    helper_worker: str | None = None
    helper_attempt: int | None = None
    rule_id: str | None = None
    escalated_at: datetime | None = None
    needs_approval: bool = False
    """Of a request for collaboration: nobody is asked before it is granted."""

    @property
    def is_open(self) -> bool:
        """Whether it waits for its answer."""
        return self.state is QuestionState.open

    @property
    def is_request(self) -> bool:
        """Whether it asks for something that can be granted: resources, permission, or collaboration."""
        return self.kind is not QuestionKind.question or self.question_type == QuestionType.permission

    def received(self, now: datetime) -> "Question":
        """The question as of its arrival, from which all its times count: the worker's clock may be wrong, or lie."""
        return replace(
            self,
            asked_at=now,
            expires_at=now + (self.expires_at - self.asked_at) if self.expires_at else None,
            answered_at=now if self.answered_at else None,
        )

    def answered(self, answer: str, context: str | None, by: str, now: datetime) -> "Question":
        """The question with its answer. Raises QuestionClosed unless it is open."""
        return self._closed(QuestionState.answered, answer, context, by, now)

    def decided(self, decision: RequestDecision, words: str, now: datetime) -> "Question":
        """The request with what was decided about it. Raises QuestionClosed unless it is open."""
        by = decision.decided_by or "manager"
        return replace(self._closed(QuestionState.answered, words, decision.reason, by, now), decision=decision)

    def approved(self, decision: RequestDecision, until: datetime | None) -> "Question":
        """The request for collaboration that may go ahead, until then. Raises QuestionClosed unless it is open."""
        self._must_be_open()
        return replace(self, decision=decision, needs_approval=False, expires_at=until)

    def by_rule(self, rule_id: str) -> "Question":
        """The question with the rule that has answered or decided it."""
        if self.is_open:
            return replace(self, rule_id=rule_id)
        return replace(self, state=QuestionState.auto_answered, rule_id=rule_id)

    def helped(self, answer: str, findings: tuple[str, ...], by: str, now: datetime) -> "Question":
        """The request with what the helper found. Raises QuestionClosed unless it is open."""
        return replace(self._closed(QuestionState.answered, answer, None, by, now), findings=findings)

    def expired(self, now: datetime) -> "Question":
        """The question after its deadline: its default, if it has one, is the answer."""
        return self._closed(QuestionState.expired, self.default_answer, None, "deadline", now)

    def withdrawn(self, why: str, now: datetime) -> "Question":
        """The question of an attempt that has ended."""
        return self._closed(QuestionState.withdrawn, None, why, "system", now)

    def to_answer(self) -> Answer:
        """What the worker gets. The question must be closed."""
        if self.answered_at is None:
            raise ValueError(f"question {self.question_id} is still open")
        return Answer(
            question_id=self.question_id,
            worker_id=self.worker_id,
            task_id=self.task_id,
            attempt=self.attempt,
            state=self.state,
            answer=self.answer,
            additional_context=self.additional_context,
            answered_by=self.answered_by,
            answered_at=self.answered_at,
            decision=self.decision,
            findings=list(self.findings),
        )

    def to_view(self) -> QuestionView:
        """The question as the API shows it."""
        return QuestionView.model_validate({field: getattr(self, field) for field in self.__slots__})

    def _closed(
        self, state: QuestionState, answer: str | None, context: str | None, by: str, now: datetime
    ) -> "Question":
        self._must_be_open()
        return replace(self, state=state, answer=answer, additional_context=context, answered_by=by, answered_at=now)

    def _must_be_open(self) -> None:
        if not self.is_open:
            raise QuestionClosed(f"question {self.question_id} is {self.state.value} already, by {self.answered_by}")

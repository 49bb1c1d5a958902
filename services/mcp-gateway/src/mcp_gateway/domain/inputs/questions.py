"""Inputs of the tools about what workers ask."""

from typing import Self

from pydantic import model_validator

from contracts.base import Milliseconds, Model, OptionalText, QuestionId, TaskId, Text, WorkerId
from contracts.questions import QuestionKind, QuestionState, Ruling
from mcp_gateway.domain.inputs.base import Paged


class ListQuestions(Paged):
    """Input of `list_questions`."""

    state: QuestionState | None = QuestionState.open
    """Only questions in this state; null: all."""
    task_id: TaskId | None = None
    """Only questions about this task."""
    worker_id: WorkerId | None = None
    """Only questions of this worker."""
    kind: QuestionKind | None = None
    """Only questions, only resource requests, or only collaboration requests."""


class AnswerQuestion(Model):
    """Input of `answer_worker_question`."""

    question_id: QuestionId
    """Question identifier."""
    answer: Text | None = None
    """Response text; one of the question's options, or your own words. Left out: the person at the client is asked."""
    additional_context: OptionalText | None = None
    """Extra information for the worker."""


class DecideRequest(Model):
    """Input of `decide_request`."""

    question_id: QuestionId
    """The request for resources, permission or collaboration; list_questions shows them."""
    decision: Ruling
    """granted: as asked; trimmed: less than asked; refused: nothing."""
    amount_granted: Text | None = None
    """How much, or of a permission under which conditions; trimmed needs it, but for help. Left out: as asked."""
    duration_ms: Milliseconds | None = None
    """For how long; left out: as asked. Help that is trimmed needs it: how much time it has from now on."""
    reason: OptionalText | None = None
    """Why; the worker is told."""

    @model_validator(mode="after")
    def _fits_the_decision(self) -> Self:
        if self.decision is Ruling.trimmed and self.amount_granted is None and self.duration_ms is None:
            raise ValueError("amount_granted: trimmed needs the amount that is granted instead of what was asked")
        if self.decision is Ruling.refused and self.amount_granted is not None:
            raise ValueError("amount_granted: refused grants nothing; leave it out, or decide trimmed")
        return self

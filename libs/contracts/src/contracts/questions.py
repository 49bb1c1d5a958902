"""Questions and requests of workers, and their answers."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from contracts.base import (
    Count,
    Level,
    Milliseconds,
    Model,
    Name,
    OptionalText,
    Percent,
    QuestionId,
    TaskId,
    Text,
    UtcTime,
    WorkerId,
)
from contracts.reports import Report

Deadline = Annotated[int, Field(ge=1_000, le=7 * 86_400_000)]
"""Milliseconds, from a second to a week."""


class QuestionType(StrEnum):
    """What a question is about."""

    technical = "technical"
    architectural = "architectural"
    requirements = "requirements"
    priority = "priority"
    permission = "permission"
    resource = "resource"


class AskManager(Report):
    """Input of `ask_manager`: a question that only the manager can answer."""

    question: Text
    question_type: QuestionType
    context: OptionalText | None = None
    """What the manager must know to answer."""
    options: Annotated[list[Text], Field(max_length=20)] = []
    """Answers to choose from; left out: free text."""
    default_answer: OptionalText | None = None
    """Taken when nobody answers in time."""
    priority: Level = Level.medium
    deadline_ms: Deadline = 600_000
    """How long the question stays open."""
    wait: bool = True
    """True: this call returns the answer. False: it returns the question id at once."""


class RequestedResource(StrEnum):
    """What a worker may ask for."""

    compute = "compute"
    storage = "storage"
    api_quota = "api_quota"
    tool_access = "tool_access"
    dependency = "dependency"


class RequestResources(Report):
    """Input of `request_resources`: the worker needs more of something."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    resource_type: RequestedResource
    amount_needed: Text
    """How much or what: `2 cores`, `500 MB`, `ripgrep`, `requests>=2`."""
    justification: OptionalText | None = None
    """Why it is needed."""
    priority: Level = Level.medium
    duration_ms: Milliseconds | None = None
    """For how long; left out: until the attempt ends."""
    deadline_ms: Deadline = 600_000
    """How long the request stays open, if the worker's own policy does not grant it at once."""
    wait: bool = True
    """True: this call returns what was decided. False: it returns the question id at once."""


class CollaborationType(StrEnum):
    """What kind of help is wanted."""

    code_review = "code_review"
    pair_programming = "pair_programming"
    testing = "testing"
    debugging = "debugging"
    consultation = "consultation"


class Collaborate(Report):
    """Input of `collaborate_with_worker`: help from another worker is wanted."""

    collaboration_type: CollaborationType
    task_description: Text
    """What the other worker should do."""
    target_worker: WorkerId | None = None
    """Which worker; left out: the best one."""
    context: OptionalText | None = None
    """What it must know, such as the branch and the files to look at."""
    priority: Level = Level.medium
    deadline_ms: Deadline = 1_800_000
    """How long the other worker may take."""
    wait: bool = True
    """True: this call returns the result. False: it returns the question id at once."""


class CollaborationStatus(StrEnum):
    """What the helping worker says."""

    accepted = "accepted"
    declined = "declined"
    completed = "completed"


class RespondToCollaboration(Report):
    """Input of `respond_to_collaboration`: the answer to a worker that asked for help."""

    question_id: QuestionId
    """The request: `collaboration.question_id` in `get_task`."""
    status: CollaborationStatus
    """accepted: work on it has begun; completed or declined: `response` goes to the one who asked, and closes it."""
    response: OptionalText | None = None
    """The result, or why not."""
    findings: Annotated[list[Text], Field(max_length=200)] = []
    """Single points, such as the comments of a review."""


class QuestionKind(StrEnum):
    """Which of the three things a worker can ask."""

    question = "question"
    resource_request = "resource_request"
    collaboration_request = "collaboration_request"


class QuestionState(StrEnum):
    """Lifecycle of a question; all but `open` are final."""

    open = "open"
    answered = "answered"
    auto_answered = "auto_answered"
    expired = "expired"
    withdrawn = "withdrawn"


class Ruling(StrEnum):
    """What was decided about a request."""

    granted = "granted"
    trimmed = "trimmed"
    refused = "refused"


class RequestDecision(Model):
    """What a request for resources, permission or collaboration gets: as asked, less than asked, or nothing."""

    decision: Ruling
    amount_granted: Text | None = None
    """How much, or of a permission under which conditions; left out: what was asked for."""
    duration_ms: Milliseconds | None = None
    """For how long; left out: as asked. Of a request for collaboration: how much time it has from now on."""
    reason: OptionalText | None = None
    decided_by: Annotated[OptionalText, Field(max_length=200)] = "manager"


class Answer(Model):
    """What a worker gets on `worker.answer.<worker>` when a question is closed."""

    question_id: QuestionId
    worker_id: WorkerId
    task_id: TaskId | None = None
    attempt: int | None = None
    state: QuestionState
    answer: OptionalText | None = None
    additional_context: OptionalText | None = None
    answered_by: OptionalText | None = None
    answered_at: UtcTime
    decision: RequestDecision | None = None
    """Of a request for resources, permission or collaboration."""
    findings: list[Text] = []
    """Single points of a collaboration's result."""


class NewAnswer(Model):
    """Input of `answer_worker_question` without the id."""

    answer: Text
    additional_context: OptionalText | None = None
    answered_by: Annotated[OptionalText, Field(max_length=200)] = "manager"


class Suggestion(Model):
    """An answer that was given to a question like this one."""

    answer: Text
    question_id: QuestionId
    """The earlier question."""
    question: OptionalText
    similarity_percent: Percent
    answered_by: OptionalText | None = None
    times: Count = 1
    """How often this answer was given to such questions."""


class QuestionView(Model):
    """A question as the API shows it."""

    question_id: QuestionId
    kind: QuestionKind
    state: QuestionState
    worker_id: WorkerId
    task_id: TaskId | None = None
    attempt: int | None = None
    question: OptionalText
    question_type: OptionalText
    context: OptionalText | None = None
    options: list[Text] = []
    default_answer: OptionalText | None = None
    priority: Level = Level.medium
    asked_at: UtcTime
    expires_at: UtcTime | None = None
    answer: OptionalText | None = None
    additional_context: OptionalText | None = None
    answered_by: OptionalText | None = None
    answered_at: UtcTime | None = None
    decision: RequestDecision | None = None
    """Of a request for resources, permission or collaboration."""
    needs_approval: bool = False
    """Of an open request for collaboration: nobody is asked before it is granted."""
    findings: list[Text] = []
    """Single points of a collaboration's result."""
    linked_task_id: TaskId | None = None
    """The task that a request for collaboration became."""
    helper_worker: WorkerId | None = None
    """The worker that took it."""
    rule_id: Name | None = None
    """The rule that answered it."""
    escalated_at: UtcTime | None = None
    """When somebody beyond the manager was told that it waits."""
    suggestions: list[Suggestion] = []
    """Of an open question: answers to earlier ones like it, best first."""

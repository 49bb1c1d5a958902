"""What the prompts take, and what they are made of."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from contracts.base import Level, Model, Name, QuestionId, Text, WorkerId


class Period(StrEnum):
    """A stretch of time up to now; the reports take the same names."""

    last_hour = "last_hour"
    last_6_hours = "last_6_hours"
    last_24_hours = "last_24_hours"
    last_7_days = "last_7_days"
    last_30_days = "last_30_days"
    last_90_days = "last_90_days"


class Audience(StrEnum):
    """Who reads a report."""

    engineering = "engineering"
    management = "management"
    operations = "operations"


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class PlanRollout(Model):
    """Arguments of `plan_rollout`."""

    goal: Text
    """What is to be reached, in your words."""
    repository: Text | None = None
    """Repository that the tasks work on."""
    workers: Annotated[tuple[WorkerId, ...], BeforeValidator(_listed), Field(max_length=100)] = ()
    """Only these workers: ids, separated by commas."""
    agent: Name | None = None
    """Agent that the tasks ask for."""
    priority: Level = Level.medium
    """Priority of the tasks."""


class TriageFailures(Model):
    """Arguments of `triage_failures`."""

    time_range: Period = Period.last_24_hours
    """Only tasks created within this time."""
    worker_id: WorkerId | None = None
    """Only tasks of this worker."""


class WeeklyReport(Model):
    """Arguments of `weekly_report`."""

    time_range: Period = Period.last_7_days
    """Time that the report is about."""
    audience: Audience = Audience.engineering
    """Who reads it."""


class AnswerQuestionPrompt(Model):
    """Arguments of `answer_question`."""

    question_id: QuestionId
    """The open question."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A resource as it was when the prompt was made."""

    uri: str
    json: str


@dataclass(frozen=True, slots=True)
class Brief:
    """A prompt: what to do, with the figures it speaks of, and resources beside it."""

    text: str
    attached: tuple[Attached, ...] = ()

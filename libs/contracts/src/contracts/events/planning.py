"""Bodies of decisions and plans."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Milliseconds, Model, Name, Names, OptionalText, Percent, Text, Texts
from contracts.events.reporting import Report


class Decision(Report):
    """Input of `report_decision`: a choice that was made, and why."""

    decision_type: Name
    """Type of decision: architectural, technical, tooling, testing, scope, or your own word."""
    chosen_option: Text
    """What was chosen."""
    reasoning: Text
    """Why."""
    description: OptionalText | None = None
    """What was decided about."""
    alternatives: Annotated[list[Text], Field(max_length=50)] = []
    """The other options that were considered."""
    impact_assessment: OptionalText | None = None
    """What it may lead to."""
    confidence_percent: Percent | None = None


class PlanType(StrEnum):
    """What a plan covers."""

    overall = "overall"
    phase = "phase"
    subtask = "subtask"
    contingency = "contingency"


class StepStatus(StrEnum):
    """Where a step of a plan stands."""

    pending = "pending"
    in_progress = "in_progress"
    completed = "completed"
    skipped = "skipped"
    failed = "failed"


class PlanStep(Model):
    """One step of a plan."""

    description: Text
    step_id: Name | None = None
    """A name to refer to it by; left out: its number from 1."""
    status: StepStatus = StepStatus.pending
    estimated_time_ms: Milliseconds | None = None
    depends_on: Names = []


class Plan(Report):
    """Input of `report_plan`: how the work will be done."""

    plan_type: PlanType
    steps: Annotated[list[PlanStep], Field(min_length=1, max_length=200)]
    """The steps, in order."""
    total_estimated_time_ms: Milliseconds | None = None
    complexity_assessment: OptionalText | None = None
    """How difficult it is: low, medium, high, very_high, or a sentence."""
    risk_factors: Texts = []


class PlanStepUpdate(Report):
    """Input of `update_plan_step`: a step of a reported plan stands elsewhere now."""

    step_id: Name
    """The step's id in `report_plan`, or its number from 1 if it has none."""
    status: StepStatus
    """Where it stands now."""
    plan_type: PlanType | None = None
    """Which plan it belongs to; left out: the newest plan that has such a step."""
    note: OptionalText | None = None
    """What happened, or why it is skipped or failed."""
    actual_time_ms: Milliseconds | None = None
    """How long it took."""

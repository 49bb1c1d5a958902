"""What plans do to each other, where their steps stand, and whether work may be called complete."""

from collections.abc import Iterable, Sequence

from contracts.events.planning import Plan, PlanStepUpdate, PlanType, StepStatus
from contracts.events.recovery import Completion, CompletionStatus
from worker_agent.domain import PlanNote, StepNote
from worker_agent.errors import PlanOpen, PlanUnusable, StepUnknown

OPEN = frozenset({StepStatus.pending, StepStatus.in_progress})
SHOWN_CHARS = 80
SHOWN_STEPS = 10
DUE = frozenset(PlanType) - {PlanType.contingency}
"""Plans whose steps must be done; a contingency plan is for what may never happen."""


def with_plan(plans: Sequence[PlanNote], body: Plan) -> list[PlanNote]:
    """A new plan replaces the one of its type. Raises PlanUnusable if two of its steps share an id."""
    steps = [
        StepNote(step_id=step.step_id or str(number), description=step.description[:SHOWN_CHARS], status=step.status)
        for number, step in enumerate(body.steps, start=1)
    ]
    ids = [step.step_id for step in steps]
    twice = sorted({step_id for step_id in ids if ids.count(step_id) > 1})
    if twice:
        raise PlanUnusable(f"steps: more than one step has the id {', '.join(map(repr, twice))}; ids must differ")
    return [*_of_other_types(plans, body.plan_type), PlanNote(plan_type=body.plan_type, steps=steps)]


def with_step(plans: Sequence[PlanNote], body: PlanStepUpdate) -> list[PlanNote]:
    """A step stands elsewhere now, in the newest plan that has it. Raises StepUnknown."""
    for plan in reversed(plans):
        if body.plan_type in (None, plan.plan_type) and any(step.step_id == body.step_id for step in plan.steps):
            changed = [_moved(step, body) for step in plan.steps]
            note = plan.model_copy(update={"steps": changed})
            return [note if one is plan else one for one in plans]
    raise StepUnknown(f"step_id: given {body.step_id!r}, but {_known(plans, body.plan_type)}")


def check_completion(plans: Iterable[PlanNote], body: Completion) -> None:
    """Raises PlanOpen when work is called completed while a step is open."""
    still_open = [
        f"{plan.plan_type} step {step.step_id!r} ({step.status}: {step.description})"
        for plan in plans
        for step in plan.steps
        if plan.plan_type in DUE and step.status in OPEN
    ]
    if body.status is CompletionStatus.completed and still_open:
        raise PlanOpen(
            f"status: given 'completed', but {_counted(still_open)} open: {_shortly(still_open)}. Call "
            "update_plan_step for each (completed, skipped or failed) and then this again, or give status 'partial' or "
            "'failed'"
        )


def _of_other_types(plans: Iterable[PlanNote], plan_type: PlanType) -> list[PlanNote]:
    return [plan for plan in plans if plan.plan_type is not plan_type]


def _moved(step: StepNote, body: PlanStepUpdate) -> StepNote:
    return step.model_copy(update={"status": body.status}) if step.step_id == body.step_id else step


def _known(plans: Iterable[PlanNote], plan_type: PlanType | None) -> str:
    fitting = [plan for plan in plans if plan_type in (None, plan.plan_type)]
    if not fitting:
        which = f"no {plan_type} plan" if plan_type else "no plan"
        return f"{which} was reported yet: call report_plan first"
    return "the steps are: " + "; ".join(
        f"{plan.plan_type}: {', '.join(step.step_id for step in plan.steps)}" for plan in fitting
    )


def _counted(steps: Sequence[str]) -> str:
    return "1 step of the plan is" if len(steps) == 1 else f"{len(steps)} steps of the plan are"


def _shortly(steps: Sequence[str]) -> str:
    more = f"; and {len(steps) - SHOWN_STEPS} more" if len(steps) > SHOWN_STEPS else ""
    return "; ".join(steps[:SHOWN_STEPS]) + more

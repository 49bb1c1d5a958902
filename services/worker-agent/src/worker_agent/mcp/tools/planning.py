"""Tools for decisions and plans."""

from contracts.events.planning import Decision, Plan, PlanStepUpdate
from worker_agent.handlers import planning
from worker_agent.mcp.actions import checked, record
from worker_agent.mcp.spec import ToolSpec

PLANNING = (
    ToolSpec(
        "report_decision",
        Decision,
        "decision",
        "Document an important decision: what was chosen, what else there was, and why.",
        record,
        "Decision recorded: {b.chosen_option:.80}",
        core=("decision_type", "chosen_option", "reasoning", "alternatives"),
    ),
    ToolSpec(
        "report_plan",
        Plan,
        "plan",
        "Report how the work will be done: steps in order, expected time, risks. Replaces the plan of the same type.",
        checked(planning.report_plan),
        "Plan recorded. Call update_plan_step as the steps go on.",
        core=("plan_type", "steps.description", "steps.step_id"),
    ),
    ToolSpec(
        "update_plan_step",
        PlanStepUpdate,
        "plan_step",
        "Say that a step of a reported plan has begun, is done, is skipped or has failed.",
        checked(planning.update_plan_step),
        "Step {b.step_id} is {b.status}.",
        core=("step_id", "status", "note"),
        repeats=True,
    ),
)

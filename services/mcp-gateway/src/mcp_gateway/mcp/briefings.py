"""The manager's prompts: one entry each."""

from typing import Any

from contracts.access import Role
from mcp_gateway.domain.prompting import AnswerQuestionPrompt, PlanRollout, TriageFailures, WeeklyReport
from mcp_gateway.handlers import prompting
from mcp_gateway.mcp.prompts import PromptEntry

PROMPTS: tuple[PromptEntry[Any], ...] = (
    PromptEntry(
        name="plan_rollout",
        title="Plan a rollout",
        description="Cuts a goal into tasks for the fleet as it is now, in waves that fit its free slots, and carries "
        "the plan out once you have agreed.",
        takes=PlanRollout,
        write=prompting.plan_rollout,
        role=Role.operator,
    ),
    PromptEntry(
        name="triage_failures",
        title="Triage failures",
        description="Groups the tasks that failed by cause, and proposes one thing to do for each group.",
        takes=TriageFailures,
        write=prompting.triage_failures,
        role=Role.viewer,
    ),
    PromptEntry(
        name="weekly_report",
        title="Write the weekly report",
        description="Reports on the fleet's work in a time, for the readers you name.",
        takes=WeeklyReport,
        write=prompting.weekly_report,
        role=Role.viewer,
    ),
    PromptEntry(
        name="answer_question",
        title="Answer a worker's question",
        description="Looks at what a worker asks and at its task, and proposes an answer.",
        takes=AnswerQuestionPrompt,
        write=prompting.answer_question,
        role=Role.operator,
    ),
)

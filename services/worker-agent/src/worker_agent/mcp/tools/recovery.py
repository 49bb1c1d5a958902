"""Tools for errors, and for the end."""

from contracts.events.recovery import Blocker, Completion, ErrorReport, Recovery
from worker_agent.handlers import planning
from worker_agent.mcp.actions import checked, record
from worker_agent.mcp.spec import ToolSpec

RECOVERY = (
    ToolSpec(
        "report_error",
        ErrorReport,
        "error",
        "Report that something went wrong, and whether a recovery was tried and worked.",
        record,
        "Error recorded: {b.error_type} ({b.severity}).",
        core=("error_type", "message", "severity", "recovery_attempted", "recovery_successful"),
    ),
    ToolSpec(
        "report_recovery",
        Recovery,
        "recovery",
        "Report what was tried after an error, and whether it worked.",
        record,
        "Recovery recorded: {b.error_type}.",
    ),
    ToolSpec(
        "report_blocker",
        Blocker,
        "blocker",
        "Report that the work cannot go on, or not as planned, and what would help; resolved: true once it is gone.",
        record,
        "Blocker recorded: {b.blocker_type}.",
    ),
    ToolSpec(
        "report_completion",
        Completion,
        "completion",
        "Say that you have finished, with a summary: once, last. The platform then checks the result itself. "
        "`completed` is refused while a step of your plan is open.",
        checked(planning.report_completion),
        "Completion recorded: {b.status}. You may end now.",
        core=(
            "status",
            "summary.overview",
            "summary.objectives_met",
            "summary.objectives_missed",
            "summary.recommendations",
        ),
    ),
)

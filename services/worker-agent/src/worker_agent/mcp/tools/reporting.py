"""Tools that say how the work goes."""

from contracts.events.reporting import Analytics, Milestone, Progress, StreamData, TokenUsage, ToolCall
from worker_agent.handlers import planning
from worker_agent.mcp.actions import checked, record
from worker_agent.mcp.spec import ToolSpec

REPORTING = (
    ToolSpec(
        "report_progress",
        Progress,
        "progress",
        "Say where the work stands, whenever that changes: status, phase, percent complete.",
        checked(planning.report_progress),
        "Progress recorded: {b.status}.",
        core=("status", "phase", "metrics.percent_complete", "metrics.current_operation", "reason"),
    ),
    ToolSpec(
        "report_milestone",
        Milestone,
        "milestone",
        "Report something significant that is done.",
        record,
        "Milestone recorded: {b.milestone_name}.",
        core=("milestone_name", "milestone_type", "impact", "description"),
    ),
    ToolSpec(
        "report_analytics",
        Analytics,
        "analytics",
        "Report a set of figures of one type.",
        record,
        "Analytics recorded: {b.analytics_type}.",
    ),
    ToolSpec(
        "stream_realtime_data",
        StreamData,
        "stream",
        "Add an entry to the live stream that the manager watches: what you think, plan, try, test.",
        record,
        "Streamed.",
    ),
    ToolSpec(
        "report_tool_call",
        ToolCall,
        "tool_call",
        "Report a call of a tool of your own, such as a shell command or an edit, and how it went.",
        record,
        "Tool call recorded: {b.tool_name}, {b.status}.",
    ),
    ToolSpec(
        "report_token_usage",
        TokenUsage,
        "token_usage",
        "Report the tokens, and their cost, that you have spent since the last such report.",
        record,
        "Token usage recorded: {b.input_tokens} in, {b.output_tokens} out.",
    ),
)

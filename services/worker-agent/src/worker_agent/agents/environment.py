"""The environment that every agent gets."""

from json import dumps

from worker_agent.ports import AgentJob

LONGEST_CALL_S = 24 * 3600
"""How long an agent lets one call of a worker tool last: ask_manager waits for a person."""
MAX_VALUE = 128 * 1024 - 64
"""The kernel takes no longer variable."""


def environment(job: AgentJob) -> dict[str, str]:
    """The task's own variables; and over them where the worker's MCP endpoint is, and what the task is."""
    assignment = job.assignment
    own = {
        "MEWS_MCP_URL": job.mcp_url,
        "MEWS_MCP_TOKEN": job.mcp_token,
        "MEWS_TASK_ID": assignment.task_id,
        "MEWS_PROMPT": assignment.description,
        "MEWS_REQUIREMENTS": dumps(assignment.requirements.free),
    }
    if job.traceparent is not None:
        own["TRACEPARENT"] = job.traceparent
    return assignment.requirements.env | {name: _fitting(value) for name, value in own.items()}


def _fitting(value: str) -> str:
    return value.encode()[:MAX_VALUE].decode(errors="ignore").replace("\x00", "")

"""The environment that every agent gets."""

from json import dumps

from worker_agent.ports import AgentJob

MAX_VALUE = 128 * 1024 - 64
"""The kernel takes no longer variable."""


def environment(job: AgentJob) -> dict[str, str]:
    """Where the worker's MCP endpoint is, and what the task is; the task's own variables go over these."""
    assignment = job.assignment
    own = {
        "MEWS_MCP_URL": job.mcp_url,
        "MEWS_MCP_TOKEN": job.mcp_token,
        "MEWS_TASK_ID": assignment.task_id,
        "MEWS_PROMPT": assignment.description,
        "MEWS_REQUIREMENTS": dumps(assignment.requirements.free),
    }
    return {name: _fitting(value) for name, value in own.items()} | assignment.requirements.env


def _fitting(value: str) -> str:
    return value.encode()[:MAX_VALUE].decode(errors="ignore").replace("\x00", "")

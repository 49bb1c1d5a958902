"""The tools of the worker's MCP server, in groups, and how clients see them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from mcp.types import Tool, ToolAnnotations

from worker_agent.domain import ToolAccess, ToolProfile
from worker_agent.mcp.schemas import Schema, input_schema, lean_schema, output_schema
from worker_agent.mcp.spec import ToolSpec
from worker_agent.mcp.tools.code import CODE
from worker_agent.mcp.tools.interaction import INTERACTION
from worker_agent.mcp.tools.memory import MEMORY
from worker_agent.mcp.tools.planning import PLANNING
from worker_agent.mcp.tools.recovery import RECOVERY
from worker_agent.mcp.tools.reporting import REPORTING
from worker_agent.mcp.tools.resources import RESOURCES
from worker_agent.mcp.tools.session import SESSION

GROUPS: Mapping[str, tuple[ToolSpec, ...]] = {
    "Reporting": REPORTING,
    "Decisions and plans": PLANNING,
    "Code, quality, tests": CODE,
    "Resources and performance": RESOURCES,
    "Interaction": INTERACTION,
    "Errors and recovery": RECOVERY,
    "Session": SESSION,
    "Fleet memory": MEMORY,
}
TOOLS: tuple[ToolSpec, ...] = tuple(tool for group in GROUPS.values() for tool in group)
BY_NAME: Mapping[str, ToolSpec] = {tool.name: tool for tool in TOOLS}


@cache
def input_schema_of(name: str) -> Schema | None:
    """The whole input schema of a tool; None of one that there is not."""
    tool = BY_NAME.get(name)
    return input_schema(tool.body) if tool is not None else None


def may_call(access: ToolAccess, tool: ToolSpec) -> bool:
    """Whether an attempt with such access may call a tool."""
    return access.profile is ToolProfile.full or tool.core is not None or tool.name in access.extra


def listed(access: ToolAccess) -> list[Tool]:
    """The tools as a client with such access sees them."""
    return [
        _lean(tool) if access.profile is ToolProfile.core and tool.core is not None else _whole(tool)
        for tool in TOOLS
        if may_call(access, tool)
    ]


def catalogue(profile: ToolProfile = ToolProfile.full) -> list[dict[str, Any]]:
    """Names, descriptions and schemas of a profile's tools, as plain data."""
    return [
        tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed(ToolAccess(profile=profile))
    ]


@cache
def _whole(tool: ToolSpec) -> Tool:
    return Tool(
        name=tool.name,
        title=tool.name.replace("_", " ").capitalize(),
        description=tool.description,
        input_schema=input_schema_of(tool.name) or {},
        output_schema=output_schema(tool.result),
        annotations=ToolAnnotations(
            read_only_hint=tool.reads,
            destructive_hint=tool.ends,
            idempotent_hint=tool.reads or tool.repeats,
            open_world_hint=False,
        ),
    )


@cache
def _lean(tool: ToolSpec) -> Tool:
    """What a model needs, and no more: its client learns the form of the results from the results."""
    return Tool(
        name=tool.name,
        description=tool.description,
        input_schema=lean_schema(tool.body, tool.core or ()),
        annotations=ToolAnnotations(read_only_hint=True) if tool.reads else None,
    )

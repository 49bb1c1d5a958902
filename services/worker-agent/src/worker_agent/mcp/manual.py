"""The reference of the tools as Markdown, made from the table that the server runs on."""

from servicekit.manual import parameter_table
from worker_agent.domain import ToolAccess, ToolProfile
from worker_agent.mcp.spec import ToolSpec
from worker_agent.mcp.tools import GROUPS, TOOLS, input_schema_of, may_call

CORE = ToolAccess(profile=ToolProfile.core)
INTRODUCTION = """# Tools of the worker

An agent reaches these {count} tools over MCP, at `http://127.0.0.1:<port>/mcp` with the bearer token of its attempt, or
over stdio. `task_id` may always be left out. A setting decides which tools it sees: `WORKER_TOOL_PROFILE=full` lists
all, `core` those that are marked so, with their most used parameters; what is left out of a list is taken all the same.
A tool outside the profile is asked for with `request_resources` (`tool_access`, the tool's name, or `full`).

What is recorded goes to its subject as an event of the kind named, after it is on the worker's disk. A tool that asks
leaves an observed event of kind `tool_call`, and needs the service that its RPC or subject names. A call ends in a
sentence and the same as structured content; what is wrong with one is an error that says what is allowed, and nothing
of it is recorded.
"""
SUMMARY_HEAD = ("| tool | profile | kind | subject | asks |", "|---|---|---|---|---|")


def markdown() -> str:
    """The whole page."""
    lines = [INTRODUCTION.format(count=len(TOOLS)), *SUMMARY_HEAD, *(_summary(tool) for tool in TOOLS)]
    for name, tools in GROUPS.items():
        lines += ["", f"## {name}", *(line for tool in tools for line in _chapter(tool))]
    return "\n".join(lines) + "\n"


def _summary(tool: ToolSpec) -> str:
    asked = ", ".join(_code(subject) for subject in tool.asked.split(", ")) if tool.asked else ""
    return f"| [`{tool.name}`](#{tool.name}) | {_profile(tool)} | `{tool.kind}` | {_code(tool.subject)} | {asked} |"


def _profile(tool: ToolSpec) -> str:
    return "core" if may_call(CORE, tool) else "full"


def _chapter(tool: ToolSpec) -> list[str]:
    return ["", f"### {tool.name}", "", tool.description, "", *parameter_table(input_schema_of(tool.name) or {})]


def _code(subject: str) -> str:
    return f"`{subject}`"

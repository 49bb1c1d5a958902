"""The reference of the tools as Markdown, made from the table that the server runs on."""

from collections.abc import Iterable
from typing import Any

from worker_agent.domain import ToolAccess, ToolProfile
from worker_agent.mcp.schemas import Schema
from worker_agent.mcp.spec import ToolSpec
from worker_agent.mcp.tools import GROUPS, INPUT_SCHEMAS, TOOLS, may_call

CORE = ToolAccess(profile=ToolProfile.core)
INTRODUCTION = """# Tools of the worker

Made by `python -m worker_agent tools --markdown`; a test holds it fresh.

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
PARAMETER_HEAD = ("| parameter | type | default | meaning |", "|---|---|---|---|")


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
    schema = INPUT_SCHEMAS[tool.name]
    rows = list(_rows(schema, schema.get("$defs", {}), "", frozenset()))
    return ["", f"### {tool.name}", "", tool.description, "", *PARAMETER_HEAD, *rows]


def _rows(node: Schema, definitions: Schema, prefix: str, above: frozenset[str]) -> Iterable[str]:
    required = node.get("required", [])
    for name, field in node["properties"].items():
        whole, reference = _resolved(field, definitions)
        yield _row(f"{prefix}{name}", whole, name in required)
        inner, inner_reference = _resolved(whole["items"], definitions) if "items" in whole else (whole, reference)
        if "properties" in inner and inner_reference not in above:
            nested = f"{prefix}{name}{'[]' if 'items' in whole else ''}."
            yield from _rows(inner, definitions, nested, above | {inner_reference})


def _row(name: str, field: Schema, required: bool) -> str:
    default = "required" if required else _default(field)
    meaning = " ".join(str(field.get("description", "")).split()).replace("|", "\\|")
    return f"| `{name}` | {_type(field)} | {default} | {meaning} |"


def _default(field: Schema) -> str:
    return f"`{_literal(field['default'])}`" if "default" in field else ""


def _literal(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type(field: Schema) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(_type(one) for one in field["anyOf"])
    kind = str(field.get("type", "object"))
    if kind == "array":
        items = field.get("items", {})
        return f"list of {_type(items)}" if "type" in items else "list"
    bounds = _bounds(field)
    return f"{kind}{f', {bounds}' if bounds else ''}"


def _bounds(field: Schema) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f"{low:g} to {high:g}" if high < 1_000 else f"{low} to {high}"
    if low is not None:
        return f"at least {low:g}"
    return "not empty" if field.get("minLength") else ""


def _resolved(field: Schema, definitions: Schema) -> tuple[Schema, str]:
    if "$ref" not in field:
        return field, ""
    name = str(field["$ref"]).rsplit("/", 1)[1]
    return definitions[name] | {key: value for key, value in field.items() if key != "$ref"}, name


def _code(subject: str) -> str:
    return f"`{subject}`"

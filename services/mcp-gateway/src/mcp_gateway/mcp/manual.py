"""The reference of the manager's tools as Markdown, made from the table that the server runs on."""

from mcp.types import Tool, ToolAnnotations

from contracts.access import Role
from mcp_gateway.domain.needs import Needs
from mcp_gateway.mcp.catalogue import Catalogue
from servicekit.manual import parameter_table

INTRODUCTION = """# Tools of the manager

This page, with the [tools of the worker](#tools-of-the-worker) below, is made by `make docs`; a test holds it fresh.

Any MCP client reaches these {count} tools at the gateway's `/mcp`, over streamable HTTP. Answers come as text that a
person can read as it is, and as structured content for programs. A wrong parameter is an error that names it, what was
given and what is allowed; one that is not known is an error too. Where the type says *string or list*, one value may
stand for a list of it. A caller sees the tools that its role may call; each role may do all that those before it may:
viewer, operator, admin.
"""
SUMMARY_HEAD = ("| tool | what it does | role | hints |", "|---|---|---|---|")


def markdown(catalogue: Catalogue) -> str:
    """The whole page."""
    tools = catalogue.listed
    lines = [
        INTRODUCTION.format(count=len(tools)),
        *SUMMARY_HEAD,
        *(_summary(tool, catalogue.needs(tool.name)) for tool in tools),
    ]
    return "\n".join([*lines, *(line for tool in tools for line in _chapter(tool))]) + "\n"


def _summary(tool: Tool, needs: Needs | None) -> str:
    return f"| [`{tool.name}`](#{tool.name}) | {tool.title} | {_role(needs)} | {_hints(tool.annotations)} |"


def _role(needs: Needs | None) -> str:
    """The role that it needs, and the actions that need another."""
    if needs is None:
        return ""
    others: dict[Role, list[str]] = {}
    for action, role in needs.by_action.items():
        if role is not needs.least:
            others.setdefault(role, []).append(f"`{action}`")
    return "; ".join([str(needs.least), *(f"{role}: {', '.join(actions)}" for role, actions in others.items())])


def _hints(given: ToolAnnotations | None) -> str:
    if given is None:
        return ""
    if given.read_only_hint:
        return "read-only"
    said = {"destructive": given.destructive_hint, "idempotent": given.idempotent_hint}
    return ", ".join(word for word, holds in said.items() if holds)


def _chapter(tool: Tool) -> list[str]:
    return ["", f"## {tool.name}", "", tool.description or "", "", *parameter_table(tool.input_schema)]

"""The reference of the manager's tools as Markdown, made from the table that the server runs on."""

from mcp.types import Tool, ToolAnnotations

from mcp_gateway.mcp.catalogue import Catalogue
from servicekit.manual import parameter_table

INTRODUCTION = """# Tools of the manager

This page, with the [tools of the worker](#tools-of-the-worker) below, is made by `make docs`; a test holds it fresh.

Any MCP client reaches these {count} tools at the gateway's `/mcp`, over streamable HTTP. Answers come as text that a
person can read as it is, and as structured content for programs. A wrong parameter is an error that names it, what was
given and what is allowed; one that is not known is an error too. Where the type says *string or list*, one value may
stand for a list of it.
"""
SUMMARY_HEAD = ("| tool | what it does | hints |", "|---|---|---|")


def markdown(catalogue: Catalogue) -> str:
    """The whole page."""
    tools = catalogue.listed
    lines = [INTRODUCTION.format(count=len(tools)), *SUMMARY_HEAD, *map(_summary, tools)]
    return "\n".join([*lines, *(line for tool in tools for line in _chapter(tool))]) + "\n"


def _summary(tool: Tool) -> str:
    return f"| [`{tool.name}`](#{tool.name}) | {tool.title} | {_hints(tool.annotations)} |"


def _hints(given: ToolAnnotations | None) -> str:
    if given is None:
        return ""
    if given.read_only_hint:
        return "read-only"
    said = {"destructive": given.destructive_hint, "idempotent": given.idempotent_hint}
    return ", ".join(word for word, holds in said.items() if holds)


def _chapter(tool: Tool) -> list[str]:
    return ["", f"## {tool.name}", "", tool.description or "", "", *parameter_table(tool.input_schema)]

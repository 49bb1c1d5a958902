"""docs/tools.md is what the tables of tools of both MCP surfaces make of it."""

from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.mcp.catalogue import Catalogue
from mcp_gateway.mcp.manual import markdown as manager_part
from mcp_gateway.mcp.table import TOOLS
from worker_agent.mcp.manual import markdown as worker_part
from worker_agent.mcp.tools import BY_NAME

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tools.md"
CATALOGUE = Catalogue(TOOLS)


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text() == f"{manager_part(CATALOGUE)}\n{worker_part()}", "make it anew: make docs"


@pytest.mark.parametrize("tool", CATALOGUE.listed, ids=lambda tool: tool.name)
def test_every_manager_tool_is_told_with_its_hints_and_all_its_parameters(tool: Any) -> None:
    page = PAGE.read_text()
    (row,) = (line for line in page.splitlines() if line.startswith(f"| [`{tool.name}`]"))
    assert ("read-only" in row) is tool.annotations.read_only_hint
    chapter = page.split(f"\n## {tool.name}\n")[1].split("\n## ")[0]
    assert [name for name in tool.input_schema["properties"] if f"| `{name}` |" not in chapter] == []


def test_no_tool_of_one_surface_hides_one_of_the_other() -> None:
    assert {tool.name for tool in CATALOGUE.listed} & set(BY_NAME) == set()

"""What the worker's part of docs/tools.md tells."""

import pytest

from worker_agent.mcp.manual import markdown
from worker_agent.mcp.spec import ToolSpec
from worker_agent.mcp.tools import BY_NAME, TOOLS


@pytest.mark.parametrize("tool", TOOLS, ids=list(BY_NAME))
def test_every_tool_is_mapped_to_its_subject_or_rpc_and_all_its_parameters_are_told(tool: ToolSpec) -> None:
    page = markdown()
    (row,) = (line for line in page.splitlines() if line.startswith(f"| [`{tool.name}`]"))
    assert f"`{tool.subject}`" in row
    assert all(f"`{subject}`" in row for subject in tool.asked.split(", ") if subject)
    chapter = page.split(f"\n### {tool.name}\n")[1].split("\n### ")[0]
    assert [name for name in tool.body.model_fields if f"| `{name}` |" not in chapter] == []

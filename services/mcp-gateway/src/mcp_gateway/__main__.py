"""`python -m mcp_gateway serve | migrate`, and `tools [--markdown]`, which tells the tools without a running system."""

import json
import sys

from mcp_gateway.app import MIGRATIONS, SCHEMA, SERVICE, create_app
from mcp_gateway.mcp.catalogue import Catalogue
from mcp_gateway.mcp.manual import markdown
from mcp_gateway.mcp.table import TOOLS
from mcp_gateway.settings import Settings
from servicekit.serving import main


def tools_as_json() -> str:
    """The tools as `tools/list` shows them."""
    listed = Catalogue(TOOLS).listed
    tools = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed]
    return json.dumps({"tools": tools}, indent=2, ensure_ascii=False) + "\n"


def tools_as_markdown() -> str:
    """Their part of docs/tools.md."""
    return markdown(Catalogue(TOOLS))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["tools"]:
            print(tools_as_json(), end="")
        case ["tools", "--markdown"]:
            print(tools_as_markdown(), end="")
        case _:
            main(SERVICE, Settings, create_app, MIGRATIONS, SCHEMA)

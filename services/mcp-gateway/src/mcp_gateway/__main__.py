"""`python -m mcp_gateway serve`, and `tools`, which prints the tools without a running system."""

import json
import sys

from mcp_gateway.app import SERVICE, create_app
from mcp_gateway.mcp.catalogue import Catalogue
from mcp_gateway.mcp.table import TOOLS
from mcp_gateway.settings import Settings
from servicekit.serving import main


def print_tools() -> None:
    """The tools as `tools/list` shows them, as JSON."""
    listed = Catalogue(TOOLS).listed
    tools = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed]
    print(json.dumps({"tools": tools}, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    if sys.argv[1:] == ["tools"]:
        print_tools()
    else:
        main(SERVICE, Settings, create_app)

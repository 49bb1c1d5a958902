"""`mews tools`: what can be called over MCP, told by the services' own programs without a running system."""

import json
import subprocess
import sys
from typing import Annotated, Any

import typer

from devstack.cli.output import AsJson, console, print_json
from devstack.errors import DevstackError

GATEWAY_MODULE = "mcp_gateway"
WORKER_MODULE = "worker_agent"
ANSWER_WITHIN_S = 60


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(tools)


def tools(
    worker: Annotated[bool, typer.Option("--worker", help="The tools of agents instead of the manager's.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the MCP tools of the manager (or of agents, with --worker); --json shows their schemas."""
    found = read_tools(WORKER_MODULE if worker else GATEWAY_MODULE)
    if as_json:
        print_json({"tools": found})
        return
    for tool in found:
        console.print(f"[bold]{tool['name']}[/bold]", soft_wrap=True)
        typer.echo(f"  {tool.get('description', '')}")
        for line in parameter_lines(tool.get("inputSchema", {})):
            typer.echo(f"    {line}")


def read_tools(module: str) -> list[dict[str, Any]]:
    """The tools as `tools/list` would show them. Raises DevstackError when the program cannot say."""
    command = [sys.executable, "-P", "-m", module, "tools"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_WITHIN_S, check=False)
    if done.returncode != 0:
        raise DevstackError(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stderr.strip()[-2000:]}")
    listed: Any = json.loads(done.stdout)
    return listed["tools"] if isinstance(listed, dict) else listed


def parameter_lines(schema: dict[str, Any]) -> list[str]:
    """One line for each parameter: name, whether it must be given, type or values, what it is."""
    required = schema.get("required", [])
    definitions = schema.get("$defs", {})
    return [
        f"{name}{'' if name in required else '?'}: {_type(given, definitions)}{_said(given)}"
        for name, given in schema.get("properties", {}).items()
    ]


def _said(given: dict[str, Any]) -> str:
    return f" – {' '.join(str(given['description']).split())}" if given.get("description") else ""


def _type(given: dict[str, Any], definitions: dict[str, Any]) -> str:
    if reference := given.get("$ref"):
        given = definitions.get(str(reference).rpartition("/")[2], {})
    if values := given.get("enum"):
        return " | ".join(map(str, values))
    if options := given.get("anyOf"):
        return " | ".join(_type(option, definitions) for option in options if option.get("type") != "null")
    if given.get("type") == "array":
        return f"list of {_type(given.get('items', {}), definitions)}"
    return str(given.get("type", "any"))

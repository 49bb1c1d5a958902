"""`python -m worker_agent serve | mcp-stdio | tools`."""

import argparse
import os
import sys
from collections.abc import Sequence
from json import dumps
from typing import Any

WRONG_SETTINGS = 2
FAILED = 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one of the commands. What is wrong at the start is one line on standard error, with code 1 or 2."""
    parser = argparse.ArgumentParser(prog="python -m worker_agent", allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="serve | mcp-stdio | tools")
    serve = commands.add_parser("serve", help="serve until SIGTERM; settings come from the environment")
    serve.set_defaults(command=_serve)
    stdio = commands.add_parser("mcp-stdio", help="the worker's MCP tools on standard input and output, for an agent")
    stdio.set_defaults(command=_stdio)
    tools = commands.add_parser("tools", help="names and schemas of the worker's MCP tools, as JSON")
    tools.add_argument("--markdown", action="store_true", help="their part of docs/tools.md instead")
    tools.set_defaults(command=_tools)
    options = parser.parse_args(arguments)
    options.command(options)


def _serve(_options: argparse.Namespace) -> None:
    from pydantic import ValidationError

    from servicekit.logs import configure_logging
    from servicekit.reloading import serve_reloading
    from servicekit.settings import explain
    from worker_agent.decisions.redaction import without_known_secrets
    from worker_agent.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        print(f"worker-agent: wrong settings: {explain(error)}", file=sys.stderr)
        raise SystemExit(WRONG_SETTINGS) from None
    configure_logging("worker-agent", settings, scrub=without_known_secrets)
    if settings.http_reload:
        serve_reloading("worker_agent")
        return
    if _run(settings):
        # A restart that a manager asked for needs no supervisor: this process becomes the new one.
        os.execv(sys.executable, [sys.executable, "-m", "worker_agent", "serve"])


def _run(settings: Any) -> bool:
    """Serve; whether a restart is wanted."""
    from servicekit import lifecycle
    from servicekit.traces import configure_tracing
    from worker_agent.app import SERVICE, create_app

    stop_tracing = configure_tracing(SERVICE, settings)
    made: list[Any] = []

    def create() -> Any:
        made.append(create_app(settings))
        return made[0]

    try:
        lifecycle.run(create, settings)
    finally:
        stop_tracing()
    return bool(made[0].state.restart_wanted)


def _stdio(_options: argparse.Namespace) -> None:
    from worker_agent.mcp.stdio import main as serve_stdio

    serve_stdio()


def _tools(options: argparse.Namespace) -> None:
    from worker_agent.mcp.manual import markdown
    from worker_agent.mcp.tools import catalogue

    if options.markdown:
        print(markdown(), end="")
        return
    print(dumps(catalogue(), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()

"""What every command that calls the gateway shares: its options, one call, and how an answer is printed."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from devstack.calls import Answer, Target, find_target
from devstack.cli.output import print_json
from devstack.environ import user_environment
from devstack.paths import layout

GatewayUrl = Annotated[
    str | None,
    typer.Option(
        "--gateway",
        envvar="MEWS_GATEWAY",
        metavar="URL",
        help="Gateway to call; else that of MANAGER_HOST, or the one running here.",
    ),
]
Token = Annotated[
    str | None,
    typer.Option("--token", envvar="MEWS_TOKEN", metavar="TOKEN", help="Bearer token, where the gateway wants one."),
]


def target_of(url: str | None, token: str | None) -> Target:
    """The gateway to call. Raises DevstackError when none was named and none runs here."""
    place = layout()
    return find_target(place, url, token, user_environment(place.root).get("MANAGER_HOST"))


def call_once(target: Target, tool: str, arguments: Mapping[str, Any] | None = None) -> Answer:
    """Call one tool in a session of its own. Raises GatewayAway, CallRefused."""
    # Only here: commands that call nothing need not wait for the MCP library.
    from devstack.gateway import open_gateway

    async def call() -> Answer:
        async with open_gateway(target) as gateway:
            return await gateway.call(tool, arguments)

    return asyncio.run(call())


def given(**arguments: Any) -> dict[str, Any]:
    """The arguments that were given: those that are not None."""
    return {name: value for name, value in arguments.items() if value is not None}


def print_answer(answer: Answer, as_json: bool) -> None:
    """Print the text for people, or the structure for programs."""
    if as_json:
        print_json(answer.structure)
    else:
        typer.echo(answer.text)

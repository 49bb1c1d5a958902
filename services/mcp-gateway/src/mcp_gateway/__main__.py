"""`python -m mcp_gateway serve | migrate | keys create | audit verify`, and `tools`, which needs no running system."""

import argparse
import asyncio
import json
import sys

from pydantic import ValidationError

from contracts.access import NewApiKey, Role
from mcp_gateway.app import DATABASE_ERRORS, MIGRATIONS, SCHEMA, SERVICE, create_app, create_key, verify_audit
from mcp_gateway.decisions.audit.rendering import parse_head
from mcp_gateway.errors import GatewayError
from mcp_gateway.mcp.catalogue import Catalogue
from mcp_gateway.mcp.manual import markdown
from mcp_gateway.mcp.table import TOOLS
from mcp_gateway.settings import Settings
from servicekit.clock import SystemClock
from servicekit.durations import parse_duration
from servicekit.errors import validation_problem
from servicekit.serving import Command, Failed, main

NEVER = "never"
CREATED_BY = "command-line"


def tools_as_json() -> str:
    """The tools as `tools/list` shows them."""
    listed = Catalogue(TOOLS).listed
    tools = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed]
    return json.dumps({"tools": tools}, indent=2, ensure_ascii=False) + "\n"


def tools_as_markdown() -> str:
    """Their part of docs/tools.md."""
    return markdown(Catalogue(TOOLS))


def _key_options(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="create")
    create = commands.add_parser("create", help="make an API key and print its token, this once")
    create.add_argument("name", help="whose key it is; the services learn it as the actor")
    create.add_argument("--role", choices=list(Role), default=Role.admin, help="what it may do (admin)")
    create.add_argument("--tool", action="append", default=[], help="only this tool, and nothing else (repeat)")
    create.add_argument("--expires", default="90d", help="how long it lives: 12h, 90d, … or never (90d)")
    create.add_argument("--json", action="store_true", help="print JSON")


def _create_key(settings: Settings, options: argparse.Namespace) -> None:
    try:
        lifetime = None if options.expires == NEVER else parse_duration(options.expires)
        expires_at = None if lifetime is None else SystemClock().now() + lifetime
        new = NewApiKey(name=options.name, role=Role(options.role), tools=options.tool, expires_at=expires_at)
        issued = asyncio.run(create_key(settings, new, CREATED_BY))
    except ValidationError as error:
        raise Failed(validation_problem(error).detail) from error
    except GatewayError as error:
        raise Failed(error.detail) from error
    except ValueError as error:
        raise Failed(f"--expires {options.expires}: {error}, or never") from error
    print(issued.model_dump_json(exclude_none=True) if options.json else issued.token)


KEYS = Command[Settings]("keys", "make an API key in the database, and end: the first one", _key_options, _create_key)


def _audit_options(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="verify | head", dest="what")
    verify = commands.add_parser("verify", help="follow the whole log, and end with 1 where it does not hold")
    verify.add_argument("--head", action="append", default=[], help="an end that was kept elsewhere: SEQ:HASH (repeat)")
    commands.add_parser("head", help="print the end of the log, to be kept elsewhere")


def _audit(settings: Settings, options: argparse.Namespace) -> None:
    try:
        found = asyncio.run(verify_audit(settings, [parse_head(one) for one in getattr(options, "head", [])]))
    except GatewayError as error:
        raise Failed(error.detail) from error
    except DATABASE_ERRORS as error:
        raise Failed(f"the audit log cannot be read: {error or type(error).__name__}") from error
    if found.broken is not None:
        raise Failed(f"the audit log is BROKEN at entry {found.broken.seq}: {found.broken.reason}")
    end = f"{found.head.seq}:{found.head.hash}"
    print(end if options.what == "head" else f"{found.entries} entries hold, up to {end}")


AUDIT = Command[Settings]("audit", "verify the audit log in the database, without a gateway", _audit_options, _audit)

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["tools"]:
            print(tools_as_json(), end="")
        case ["tools", "--markdown"]:
            print(tools_as_markdown(), end="")
        case _:
            main(SERVICE, Settings, create_app, MIGRATIONS, SCHEMA, commands=[KEYS, AUDIT])

"""The command line of every service: `python -m <service> serve | migrate`, and what a service adds."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, NoReturn, TypeVar

from fastapi import FastAPI
from pydantic import ValidationError

from servicekit import lifecycle
from servicekit.auth import UnsafeSettings
from servicekit.logs import configure_logging, get_logger
from servicekit.migrations import MigrationFailed, run_migrations
from servicekit.reloading import serve_reloading
from servicekit.settings import ServiceSettings, explain
from servicekit.traces import configure_tracing

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)

WRONG_SETTINGS = 2
FAILED = 1

log = get_logger(__name__)


class Failed(Exception):
    """A command failed, for a reason that one sentence says."""


@dataclass(frozen=True)
class Command(Generic[SettingsT]):
    """A command of a service's own, beside those that all have: `run` may raise Failed."""

    name: str
    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[SettingsT, argparse.Namespace], None]


@dataclass(frozen=True)
class Program(Generic[SettingsT]):
    """What makes a service a program."""

    service: str
    settings_factory: Callable[[], SettingsT]
    create_app: Callable[[SettingsT], FastAPI]
    migrations_package: str | None
    schema: str | None
    commands: Sequence[Command[SettingsT]] = ()

    @property
    def module(self) -> str:
        """What `python -m` runs."""
        return self.service.replace("-", "_")


def main(
    service: str,
    settings_factory: Callable[[], SettingsT],
    create_app: Callable[[SettingsT], FastAPI],
    migrations_package: str | None = None,
    schema: str | None = None,
    arguments: Sequence[str] | None = None,
    commands: Sequence[Command[SettingsT]] = (),
) -> None:
    """Run `serve`, where there is a schema `migrate`, or a command of the service's own.

    What is wrong at the start is one line, with code 1 or 2.
    """
    program = Program(service, settings_factory, create_app, migrations_package, schema, commands)
    options = _parser(program).parse_args(arguments)
    settings = _settings(program)
    configure_logging(service, settings)
    options.command(program, settings, options)


def _parser(program: Program[SettingsT]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {program.module}", allow_abbrev=False)
    names = ["serve", "migrate", *(command.name for command in program.commands)]
    commands = parser.add_subparsers(required=True, metavar=" | ".join(names))
    serve = commands.add_parser("serve", help="serve until SIGTERM; settings come from the environment")
    serve.set_defaults(command=_serve)
    if program.migrations_package is not None:
        migrate = commands.add_parser("migrate", help="bring the service's schema to this version, and end")
        migrate.set_defaults(command=_migrate)
    for own in program.commands:
        added = commands.add_parser(own.name, help=own.help)
        own.add_options(added)
        added.set_defaults(command=partial(_run, own))
    return parser


def _settings(program: Program[SettingsT]) -> SettingsT:
    try:
        return program.settings_factory()
    except ValidationError as error:
        _refuse(f"{program.service}: wrong settings: {explain(error)}", WRONG_SETTINGS)


def _serve(program: Program[SettingsT], settings: SettingsT, _options: argparse.Namespace) -> None:
    if settings.http_reload:
        serve_reloading(program.module)
        return
    stop_tracing = configure_tracing(program.service, settings)
    try:
        lifecycle.run(lambda: program.create_app(settings), settings)
    except UnsafeSettings as error:
        _refuse(f"{program.service}: wrong settings: {error}", WRONG_SETTINGS)
    finally:
        stop_tracing()


def _run(
    own: Command[SettingsT], program: Program[SettingsT], settings: SettingsT, options: argparse.Namespace
) -> None:
    try:
        own.run(settings, options)
    except Failed as error:
        _refuse(f"{program.service}: {error}", FAILED)


def _migrate(program: Program[SettingsT], settings: SettingsT, _options: argparse.Namespace) -> None:
    assert program.migrations_package is not None
    schema = program.schema or program.service
    try:
        asyncio.run(run_migrations(program.migrations_package, schema, settings))
    except MigrationFailed as error:
        _refuse(f"{program.service}: {error}", FAILED)


def _refuse(sentence: str, code: int) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise SystemExit(code)

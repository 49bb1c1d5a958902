"""`python -m analytics_query serve | migrate | rebuild`."""

import argparse
import asyncio
import sys
from dataclasses import asdict

import orjson

from analytics_query import app
from analytics_query.errors import AnalyticsError
from analytics_query.settings import Settings
from servicekit.errors import ServiceError
from servicekit.serving import Command, Failed, main


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--progress", action="store_true", help="say on standard error how far it is")
    parser.add_argument("--json", action="store_true", help="give the summary as JSON")


def _rebuild(settings: Settings, options: argparse.Namespace) -> None:
    def tell(line: str) -> None:
        if options.progress:
            print(line, file=sys.stderr, flush=True)

    try:
        summary = asyncio.run(app.rebuild(settings, tell))
    except (AnalyticsError, ServiceError) as error:
        raise Failed(error.detail) from error
    if options.json:
        print(orjson.dumps(asdict(summary)).decode())
    else:
        print(
            f"rebuilt from {summary.events:,} events and {summary.decided:,} decisions in {summary.seconds:g} s; "
            f"{summary.skipped:,} more wait to be projected; position {summary.position}"
        )


REBUILD = Command[Settings]("rebuild", "make all projections anew from the event log, and end", _options, _rebuild)

if __name__ == "__main__":
    main(app.SERVICE, Settings, app.create_app, app.MIGRATIONS, app.SCHEMA, commands=[REBUILD])

"""`python -m sandbox serve`: reads the settings once, and serves."""

import argparse
import os
import sys

from pydantic import ValidationError

from sandbox import logs, settings
from sandbox.app import create_app, create_services
from sandbox.server import serve

USAGE = 2


def main() -> int:
    """Run the command that was asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The sandbox of a mews worker.")
    parser.add_argument("command", choices=["serve"], help="serve: answer on the socket SANDBOX_SOCKET")
    parser.parse_args()
    try:
        chosen = settings.load(os.environ)
    except ValidationError as error:
        for line in settings.complaints(error):
            print(line, file=sys.stderr)
        return USAGE
    logs.configure(chosen.log_level)
    services = create_services(chosen)
    serve(create_app(services), services)
    return 0


if __name__ == "__main__":
    sys.exit(main())

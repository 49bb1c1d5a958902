"""`mews` and `python -m devstack`."""

import sys

from devstack.cli.app import app
from devstack.errors import DevstackError


def main() -> None:
    """Run the command line; what is wrong is said in one sentence, without a traceback."""
    try:
        app()
    except DevstackError as error:
        print(f"mews: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

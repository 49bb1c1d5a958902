"""`python -m contracts.schemas`: agree on the contracts as the code says them now."""

import sys
from pathlib import Path

from contracts.base import SCHEMA_VERSION
from contracts.compatibility import broken_contracts
from contracts.schemas import as_text, current, golden

FOLDER = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Write the golden files; refuse a breaking change unless `--break` says that it is meant."""
    lines = broken_contracts(golden(), current())
    if lines and "--break" not in arguments:
        print(f"Breaking changes of schema {SCHEMA_VERSION}; raise its major part and use --break:", *lines, sep="\n  ")
        return 1
    for name, schema in current().items():
        (FOLDER / f"{name}.json").write_text(as_text(schema), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The version in what a program prints about itself."""

import re

VERSION = re.compile(r"(?<![\w.])v?(\d+\.\d+(?:\.\d+)*(?:[-+.][0-9A-Za-z][0-9A-Za-z.+-]*)?)")
MAX_VERSION = 100


def version_in(output: str) -> str | None:
    """The first version in a text: `codex-cli 0.171.0` → `0.171.0`; None when there is none."""
    found = VERSION.search(output)
    return found.group(1)[:MAX_VERSION] if found else None

"""Patterns that strangers write and strangers' texts are searched by: RE2, whose time is linear in the text."""

from functools import lru_cache
from typing import Any

import re2

from question_broker.errors import InvalidRule

MOST_MEMORY = 4 * 1024 * 1024
"""Bytes that one compiled pattern may take."""
KEPT = 2_000

OPTIONS = re2.Options()
OPTIONS.max_mem = MOST_MEMORY
OPTIONS.log_errors = False


def check(field: str, pattern: str) -> None:
    """Raises InvalidRule for what is no pattern; `field` is named in it."""
    try:
        _compiled(pattern)
    except re2.error as error:
        said = error.args[0]
        why = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise InvalidRule(field, f"is no regular expression in RE2 syntax: {why}", value=pattern) from error


def groups_of(pattern: str) -> frozenset[str]:
    """The names of its groups."""
    return frozenset(_compiled(pattern).groupindex)


def search(pattern: str, text: str) -> dict[str, str | None] | None:
    """The named groups where the pattern is first found; None where it is not."""
    found = _compiled(pattern).search(text)
    return None if found is None else found.groupdict()


def fits_glob(glob: str, text: str) -> bool:
    """Whether the whole text fits: `*` stands for any characters, `?` for one."""
    return _compiled(_from_glob(glob)).fullmatch(text) is not None


def _from_glob(glob: str) -> str:
    wild = {"*": ".*", "?": "."}
    return "(?s)" + "".join(wild.get(character) or re2.escape(character) for character in glob)


@lru_cache(maxsize=KEPT)
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern, OPTIONS)

"""Which trace an attempt belongs to."""

from datetime import datetime, timedelta
from typing import NamedTuple


class Lineage(NamedTuple):
    """A span goes on in its parent's trace, or begins one that links to others."""

    parent: str | None = None
    links: tuple[str, ...] = ()


def lineage(
    asked_in: str | None, earlier: str | None, attempt: int, created_at: datetime | None, now: datetime, joins_ms: int
) -> Lineage:
    """The first attempt goes on in the trace of the request, if that is not long ago: so a short task is one trace.

    Whatever comes later has a trace of its own, which links to the request's and to the attempt's before.
    """
    is_soon = created_at is not None and now - created_at <= timedelta(milliseconds=joins_ms)
    if attempt == 1 and is_soon:
        return Lineage(asked_in)
    return Lineage(None, tuple(dict.fromkeys(one for one in (asked_in, earlier) if one is not None)))

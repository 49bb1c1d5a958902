"""What reports begin and end with, and how a long one is cut short."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import accumulate, takewhile

from contracts.analytics import Standing
from mcp_gateway.domain.inputs.analytics import ALWAYS
from mcp_gateway.mcp.text.figures import legend
from mcp_gateway.mcp.text.layout import cell, lines_below, moment, section

MAX_TEXT = 20_000
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Where `all` begins of which nothing is known."""
STRUCTURED = "the structured content has all"


def period(time_range: str, since: datetime, until: datetime) -> str:
    """Of what time a report speaks."""
    if time_range == ALWAYS and since <= BEGINNING:
        return f"Period: all until {moment(until)}"
    return f"Period: {cell(time_range)}, {moment(since)} to {moment(until)}"


def summary(sentences: Sequence[str]) -> str:
    """What matters, on top."""
    return _bullets("Summary:", sentences)


def noted(notes: Sequence[str]) -> str:
    """What a reader must know of how it was made, at the end."""
    return _bullets("Notes:", notes)


def closing(standing: Standing, levels: Iterable[str]) -> str:
    """The last lines: what the evidence means, and of which state all this speaks."""
    cached = ", cached" if standing.cached else ""
    as_of = f"As of {moment(standing.computed_at)}, position {standing.position}{cached}."
    return "\n".join(line for line in (legend(levels), as_of) if line)


def left_out(count: int, what: str, how: str = STRUCTURED) -> list[str]:
    """The line that says what is not shown, and how to see it; none when nothing is left out."""
    return [f"  … {count:,} more {what}; {how}"] if count > 0 else []


def fitting(blocks: Iterable[str], room: int = MAX_TEXT) -> list[str]:
    """As many of the first blocks as fit, and one at least."""
    whole = list(blocks)
    fits = len(list(takewhile(lambda used: used <= room, accumulate(map(len, whole)))))
    return whole[: max(fits, 1)]


def _bullets(title: str, sentences: Sequence[str]) -> str:
    return section(title, (f"  - {lines_below(sentence, '    ')}" for sentence in sentences))

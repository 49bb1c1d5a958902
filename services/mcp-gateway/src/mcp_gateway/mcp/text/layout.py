"""Aligned tables, and values as a person writes them."""

import re
from collections.abc import Sequence
from datetime import datetime

from mcp_gateway.decisions.wording import shorten

_CELL = 60
_LINE = 500
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NOTHING = "-"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart; only the last may be long."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header) - 1)]
    return "\n".join(
        "  ".join([cell.ljust(width) for cell, width in zip(line, widths, strict=False)] + [line[-1]]).rstrip()
        for line in lines
    )


def cell(value: object, length: int = _CELL) -> str:
    """A value on one line and not too long; `-` for none."""
    if value is None or value == "":
        return _NOTHING
    return shorten(" ".join(printable(str(value)).split()), length)


def lines_below(text: str, indent: str, length: int = _LINE) -> str:
    """A text whose further lines stand below its first, shortened."""
    return shorten(printable(text).strip(), length).replace("\n", f"\n{indent}")


def printable(text: str) -> str:
    """Without escape sequences and control characters, which a worker's output may hold."""
    return _CONTROL.sub("", text)


def moment(at: datetime | None) -> str:
    """A time in UTC to the second."""
    return _NOTHING if at is None else f"{at:%Y-%m-%d %H:%M:%S}Z"


def number(value: float) -> str:
    """65 for 65.0, 65.5 for 65.5."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def duration(ms: float | None) -> str:
    """850 ms, 12.3 s, 4 min 05 s, 2 h 03 min."""
    if ms is None:
        return _NOTHING
    if ms < 1_000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(int(ms) // 1000, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def more(next_cursor: str | None) -> str:
    """The line that says how to get the next page."""
    return f'\n\nMore: call again with cursor "{next_cursor}".' if next_cursor else ""

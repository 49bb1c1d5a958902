"""Aligned tables, and values as a person writes them."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from mcp_gateway.decisions.wording import shorten

_CELL = 60
_LINE = 500
# Escape sequences, control characters, and what turns a line around so that it reads otherwise than it is.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_NOTHING = "-"
_DAYS_FROM = 48 * 60


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> str:
    """A header above its rows; the columns that `right` names are aligned to the right."""
    return aligned([header, *rows], {number for number, name in enumerate(header) if name in right})


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Columns two spaces apart, aligned left but for those at the places in `right`; only the last may be long."""
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    widths[last] = widths[last] if last in right else 0
    return "\n".join(
        "  ".join(_padded(row[at], width, at in right) for at, width in enumerate(widths)).rstrip() for row in rows
    )


def filled(header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> str:
    """A table without the columns in which no row has anything."""
    kept = [number for number in range(len(header)) if any(row[number] for row in rows)]
    return table([header[number] for number in kept], [[row[number] for number in kept] for row in rows], right)


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: two for a wide character, none for an accent by itself."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def section(title: str, lines: Iterable[str]) -> str:
    """A title above its lines; nothing where there are none."""
    body = list(lines)
    return "\n".join([title, *body]) if body else ""


def indented(text: str, by: str = "  ") -> list[str]:
    """The lines of a text, each moved to the right."""
    return [f"{by}{line}" for line in text.splitlines()]


def cell(value: object, length: int = _CELL) -> str:
    """A value on one line and not too long; `-` for none, and for one of which nothing can be seen."""
    said = "" if value is None else " ".join(printable(str(value)).split())
    return shorten(said, length) if said else _NOTHING


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


def counted(count: int, noun: str) -> str:
    """no errors, 1 error, 1,234 errors."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}" if count else f"no {noun}s"


def duration(ms: float | None) -> str:
    """2.5 ms, 850 ms, 12.3 s, 4 min 05 s, 2 h 03 min, 3 d 04 h."""
    if ms is None:
        return _NOTHING
    if ms < 0:
        return f"-{duration(-ms)}"
    if ms < 10:
        return f"{number(ms)} ms"
    if ms < 1_000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(int(ms) // 1000, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    if minutes < _DAYS_FROM:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60:02d} h"


def more(next_cursor: str | None) -> str:
    """The line that says how to get the next page."""
    return f'\n\nMore: call again with cursor "{next_cursor}".' if next_cursor else ""


def _padded(cell: str, width: int, right: bool) -> str:
    padding = " " * (width - columns(cell))
    return padding + cell if right else cell + padding


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

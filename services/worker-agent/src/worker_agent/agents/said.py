"""Reading what an agent writes without trusting it: what is missing, or of another type than expected, is empty."""

import math
from json import dumps, loads
from typing import cast

from pydantic import JsonValue

from contracts.base import JsonObject
from worker_agent.decisions.lines import readable, shortened

MAX_COUNT = 2**53
MAX_VALUE = 4_000
MAX_ITEMS = 100
MAX_DEPTH = 8
MAX_OBJECT = 32_000


class Said:
    """One JSON object. A path names keys from outside in; a number in it is a place in a list."""

    def __init__(self, value: JsonValue) -> None:
        self._value = value

    def at(self, *path: str | int) -> JsonValue:
        """What is at a path; None when nothing is."""
        found = self._value
        for key in path:
            if isinstance(found, dict) and isinstance(key, str):
                found = found.get(key)
            elif isinstance(found, list) and isinstance(key, int) and -len(found) <= key < len(found):
                found = found[key]
            else:
                return None
        return found

    def part(self, *path: str | int) -> "Said":
        """The object at a path."""
        return Said(self.at(*path))

    def parts(self, *path: str | int) -> list["Said"]:
        """The items of the list at a path."""
        found = self.at(*path)
        return [Said(item) for item in found] if isinstance(found, list) else []

    def entries(self, *path: str | int) -> list[tuple[str, "Said"]]:
        """Keys and values of the object at a path."""
        found = self.at(*path)
        return [(key, Said(value)) for key, value in found.items()] if isinstance(found, dict) else []

    def text(self, *path: str | int) -> str:
        """A text that can be stored; what is no text, as JSON."""
        found = self.at(*path)
        if found is None:
            return ""
        return readable(found if isinstance(found, str) else dumps(found, ensure_ascii=False))

    def count(self, *path: str | int) -> int:
        """A whole number from 0 on."""
        return int(self.amount(*path) or 0)

    def amount(self, *path: str | int) -> float | None:
        """A number from 0 on; None when there is none."""
        found = self.at(*path)
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= MAX_COUNT:
            return None
        return found

    def exit_code(self, *path: str | int) -> int | None:
        """An exit code; None when there is none."""
        found = self.at(*path)
        return found if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 2**31 else None

    def arguments(self, *path: str | int) -> JsonObject:
        """The object at a path as it may be stored: bounded in every way; an object that is written as a text too."""
        found = self.at(*path)
        inner = said(found) if isinstance(found, str) else None
        kept = _bounded(found if inner is None else inner.at(), MAX_DEPTH)
        held: JsonObject = kept if isinstance(kept, dict) else {"value": kept} if kept else {}
        written = dumps(held, ensure_ascii=False)
        return held if len(written) <= MAX_OBJECT else {"beginning": shortened(written, MAX_VALUE)}


def said(line: str) -> Said | None:
    """The JSON object that a line is; None when it is something else."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        found = loads(line)
    except (ValueError, RecursionError):
        return None
    return Said(cast("JsonValue", found)) if isinstance(found, dict) else None


def _bounded(value: JsonValue, depth: int) -> JsonValue:
    if isinstance(value, str):
        return shortened(readable(value), MAX_VALUE)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_COUNT:
        return str(value)[:100]
    if isinstance(value, dict | list) and depth == 0:
        return "…"
    if isinstance(value, list):
        return [_bounded(item, depth - 1) for item in value[:MAX_ITEMS]]
    if isinstance(value, dict):
        return {readable(key)[:200]: _bounded(item, depth - 1) for key, item in list(value.items())[:MAX_ITEMS]}
    return value

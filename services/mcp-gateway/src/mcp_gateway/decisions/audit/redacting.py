"""Arguments as the audit log keeps them: without secrets, and bounded in every direction."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TypeVar, cast

import orjson

from contracts.key_formats import MASK
from mcp_gateway.decisions.audit.secrets import ENVIRONMENTS, is_secret_name, without_secrets

CUT = "…"
Item = TypeVar("Item")
# How much of a long text is looked at, and of all texts together.
_WINDOW = 4_096
_READABLE = 65_536
_SHORT = 32
_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a call's arguments is kept."""

    total: int = 4_000
    """Bytes of the whole, as JSON."""
    text: int = 500
    """Characters of one text."""
    items: int = 50
    """Entries of one list or object."""
    depth: int = 6
    """Lists and objects within each other."""


BOUNDS = Bounds()


def redacted(arguments: Mapping[str, object], bounds: Bounds = BOUNDS) -> str:
    """The arguments as the JSON of an object: valid, storable, at most `bounds.total` bytes, without secrets."""
    written = orjson.dumps(_Walk(bounds).mapping(arguments, bounds.depth))
    if len(written) > bounds.total:
        written = orjson.dumps({CUT: f"{len(written)} bytes"})
    return written.decode()


def storable(text: str, longest: int) -> str:
    """A text that PostgreSQL and JSON can keep: no NUL, no lone surrogate, at most `longest` characters."""
    kept = text[:longest]
    if kept.isascii() and "\x00" not in kept:
        return kept
    return kept.replace("\x00", "\\u0000").encode(errors="backslashreplace").decode()[:longest]


def redacted_text(text: str, longest: int) -> str:
    """A text without secrets, and what was cut off it told."""
    kept = text
    if len(text) > longest + _WINDOW:
        # A secret that is cut in two could not be told any more: the last word goes as a whole.
        window = text[: longest + _WINDOW]
        kept = window[: len(window) - len(window.split()[-1])] if window.split() else ""
    kept = storable(without_secrets(kept), longest)
    return kept if len(text) <= longest else f"{kept}{CUT} ({len(text)} characters)"


class _Walk:
    """One walk through arguments, with what is left of the bytes."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        # What is cut off has to be told too.
        self._left = bounds.total - 64
        self._readable = _READABLE

    def mapping(self, given: Mapping[str, object], depth: int) -> dict[str, object]:
        shown: dict[str, object] = {}
        for name, value in self._some(given.items()):
            if self._left <= 0:
                break
            shown[self._name(str(name))] = self._under(str(name), value, depth - 1)
        if len(shown) < len(given):
            shown[CUT] = len(given) - len(shown)
        return shown

    def _under(self, name: str, value: object, depth: int) -> object:
        if name.lower() in ENVIRONMENTS:
            return self._environment(value)
        if is_secret_name(name) and not isinstance(value, (int, float, type(None))):
            return self._spend(MASK)
        return self._value(value, depth)

    def _environment(self, value: object) -> object:
        if isinstance(value, Mapping):
            names = [self._name(str(name)) for name in self._some(cast("Mapping[str, object]", value))]
            return dict.fromkeys(names, MASK)
        return None if value is None else MASK

    def _value(self, value: object, depth: int) -> object:
        match value:
            case str():
                return self._spend(self._text(value))
            case bool() | None:
                return self._spend(value)
            case int() | float():
                return self._spend(_number(value))
            case Mapping() | list() | tuple() if depth <= 0:
                return self._spend(CUT)
            case Mapping():
                return self.mapping(cast("Mapping[str, object]", value), depth)
            case list() | tuple():
                return self._list(cast("Sequence[object]", value), depth)
            case _:
                return self._spend(self._text(str(value)))

    def _list(self, given: Sequence[object], depth: int) -> list[object]:
        shown: list[object] = []
        for value in self._some(given):
            if self._left <= 0:
                break
            shown.append(self._value(value, depth - 1))
        if len(shown) < len(given):
            shown.append(f"{CUT} {len(given) - len(shown)}")
        return shown

    def _name(self, name: str) -> str:
        shown = _short_name(name) if len(name) <= _SHORT else self._text(name)
        self._left -= len(shown) + 4
        return shown

    def _text(self, text: str) -> str:
        self._readable -= min(len(text), self._bounds.text + _WINDOW)
        return redacted_text(text, self._bounds.text) if self._readable >= 0 else CUT

    def _some(self, given: Iterable[Item]) -> Iterable[Item]:
        return islice(given, self._bounds.items)

    def _spend(self, value: object) -> object:
        self._left -= (len(value) if isinstance(value, str) else 8) + 4
        return value if self._left >= 0 else CUT


@lru_cache(maxsize=4_096)
def _short_name(name: str) -> str:
    """Names come again and again, and are no secrets by themselves."""
    return redacted_text(name, _SHORT)


def _number(value: float) -> float | str:
    """A number that any reader of JSON reads alike, or its text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    # Python refuses to write integers of thousands of digits.
    return value if -_INT64 <= value < _INT64 else f"an integer of {value.bit_length()} bits"

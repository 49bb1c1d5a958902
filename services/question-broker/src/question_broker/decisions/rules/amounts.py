"""Amounts in words, as far as two can be compared: `2 cores`, `512 MB`, `1.5 GB`, `30 min`.

What is not plain is not.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?")
WORD = re.compile(r"[a-z_]+")
SCALES: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("kb", "kib"), ("mb", 1 / 1024)),
    **dict.fromkeys(("mb", "mib", "megabyte"), ("mb", 1.0)),
    **dict.fromkeys(("gb", "gib", "gigabyte"), ("mb", 1024.0)),
    **dict.fromkeys(("tb", "tib", "terabyte"), ("mb", 1024.0 * 1024)),
    **dict.fromkeys(("ms", "millisecond"), ("ms", 1.0)),
    **dict.fromkeys(("s", "sec", "second"), ("ms", 1_000.0)),
    **dict.fromkeys(("min", "minute"), ("ms", 60_000.0)),
    **dict.fromkeys(("h", "hour"), ("ms", 3_600_000.0)),
}
FILLERS = frozenset({"of", "the", "a", "an", "more", "up", "to", "about", "at", "most", "additional", "extra"})


class Amount(NamedTuple):
    """So much of one thing."""

    figure: float
    unit: str


def is_within(asked: str, limit: str) -> bool | None:
    """Whether what was asked is at most the limit; None where the two cannot be compared."""
    wanted, most = _amount(asked), _amount(limit)
    if wanted is None or most is None or wanted.unit != most.unit:
        return None
    return wanted.figure <= most.figure


def _amount(text: str) -> Amount | None:
    numbers = NUMBER.findall(text)
    rest = NUMBER.sub(" ", text.lower()).replace("+", " ")
    words = WORD.findall(rest)
    if len(numbers) != 1 or re.search(r"[^a-z_\s]", rest):
        return None
    unit, scale = _unit(words)
    return Amount(float(numbers[0]) * scale, unit)


def _unit(words: Iterable[str]) -> tuple[str, float]:
    names: list[str] = []
    scale = 1.0
    for word in words:
        singular = word if word in SCALES else word.removesuffix("s")
        if singular in SCALES:
            name, scale = SCALES[singular]
            names.append(name)
        elif word not in FILLERS:
            names.append(singular)
    return " ".join(names), scale

"""Which errors are the same error: by type, message and stack, without what differs from one time to the next."""

import re
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

PREFIX = "err-"
MAX_MESSAGE = 4_000
MAX_STACK = 16_000
"""Characters that are looked at; of a stack at that end where the innermost frames are."""
MAX_NORMALISED = 400
INNERMOST = 5

SUFFIXES = "c|cc|cpp|cs|go|h|java|json|jsx?|[cm]js|kt|md|php|pyi?|rb|rs|sh|swift|toml|tsx?|txt|xml|ya?ml"
TOKEN = r"[\w.@~+-]"
REPLACED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), placeholder)
    for pattern, placeholder in (
        (r"\x1b\[[0-9;]*[a-z]", ""),
        (r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?", "<time>"),
        (r"\b\d\d?:\d\d:\d\d(?:[.,]\d+)?", "<time>"),
        (r"\b[a-z][a-z0-9+.-]{0,20}://[^\s'\"<>]++", "<url>"),
        (r"(?<!\w)'[^'\n]*+'(?!\w)|\"[^\"\n]*+\"|`[^`\n]*+`|‘[^’\n]*+’|“[^”\n]*+”", "<text>"),
        (r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "<id>"),
        (r"\b(?:task|worker|q|session|attempt|request|req|job|run|pod|node|event|msg)-[\w-]*\d[\w-]*+", "<id>"),
        (r"(?<![\w.@~+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+", "<address>"),
        (r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b|\[[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\](?::\d+)?", "<address>"),
        (r"\b[a-z]:\\[^\s:*?\"<>|]++(?::\d+)*", "<path>"),
        (rf"(?<![\w.@~+/-])(?:{TOKEN}++)?(?:/{TOKEN}++)+/?(?::\d+)*", "<path>"),
        (rf"\b[\w-]++\.(?:{SUFFIXES})\b(?::\d+)*", "<path>"),
        (r"\b0x[0-9a-f]+\b", "<n>"),
        (r"\b(?=[a-f]*\d)[0-9a-f]{7,}\b", "<n>"),
        (r"(?<![\w>])[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?|\d+(?:\.\d+)?", "<n>"),
        (r"<n>(?:\s*,\s*<n>)+", "<n>"),
        (r"\s+", " "),
    )
)
"""What is put in place of what, in this order."""

PYTHON = re.compile(r'^[\s|]*File "(?P<file>[^"\n]+)", line \d+, in (?P<function>[^\n]+)$', re.MULTILINE)
NODE = re.compile(
    r"^\s*at (?:(?:async |new )*(?P<function>[^\s(][^(\n]*?) \()?(?P<file>[^()\n]+?):\d+:\d+\)?$", re.MULTILINE
)
JAVA = re.compile(r"^\s*at (?P<function>[\w.$<>/@-]+)\((?P<file>[^():\n]+)(?::\d+)?\)$", re.MULTILINE)
GO = re.compile(r"^(?P<function>[\w./*()\[\]-]+)\([^\n]*\)\n\t(?P<file>[^\n]+?):\d+", re.MULTILINE)
CAUSE = "\nCaused by: "
VOLATILE = re.compile(r"0x[0-9a-f]+|(?<=[$/.])\d+|(?<=func)\d+|(?<=[.-])[0-9a-f]{8,}(?=\.)", re.IGNORECASE)
"""What is numbered or hashed anew in the name of a file or of a function that the compiler made."""


class Frame(NamedTuple):
    """One frame of a stack, without its line."""

    file: str
    """The last part of its path."""
    function: str


class Identity(NamedTuple):
    """What an error is known by."""

    fingerprint: str
    place: str
    """Its innermost frame; empty without a stack."""


@lru_cache(maxsize=4096)
def identify(error_type: str, message: str, stack: str | None) -> Identity:
    """The fingerprint of an error, and where it was raised."""
    frames = innermost(stack or "")
    told = "\n".join((error_type.strip(), normalised(message), *(f"{file}:{function}" for file, function in frames)))
    place = f"{frames[0].file} {frames[0].function}".strip() if frames else ""
    return Identity(PREFIX + sha256(told.encode()).hexdigest()[:16], place)


def normalised(message: str) -> str:
    """A message with placeholders for numbers, ids, quoted texts, paths, times and addresses."""
    text = message[:MAX_MESSAGE]
    for pattern, placeholder in REPLACED:
        text = pattern.sub(placeholder, text)
    return text.strip().casefold()[:MAX_NORMALISED]


def innermost(stack: str) -> list[Frame]:
    """The innermost frames, the innermost first; of an error with a cause, those of the first cause."""
    python = list(PYTHON.finditer(stack[-MAX_STACK:]))
    if python:
        return [_frame(found) for found in reversed(python[-INNERMOST:])]
    text = stack[-MAX_STACK:] if CAUSE in stack else stack[:MAX_STACK]
    cause = text.rpartition(CAUSE)[2]
    for form in (NODE, JAVA, GO):
        found = list(form.finditer(cause))
        if found:
            return [_frame(one) for one in found[:INNERMOST]]
    return []


def _frame(found: re.Match[str]) -> Frame:
    file = re.split(r"[\\/]", found["file"].partition("?")[0])[-1]
    function = (found["function"] or "").strip()
    return Frame(VOLATILE.sub("", file), VOLATILE.sub("", function))

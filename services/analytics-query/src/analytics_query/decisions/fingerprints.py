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
IDS = "task|worker|q|session|attempt|request|req|job|run|pod|node|event|msg"
SEPARATORS = r"\s,;<>\"'`()\[\]{}=|"
QUOTED = re.compile(
    r"(?<!\w)'[^'\n]*+'(?!\w)|\"[^\"\n]*+\"|`[^`\n]*+`|‘[^’\n]*+’|“[^”\n]*+”|\x1b\[[0-9;]*m"
    r"|(?<![\w+.-])[A-Za-z][\w+.-]{0,20}://[^\s'\"<>)\]]++"
)
WORD = re.compile(
    rf"(?<![^{SEPARATORS}])(?:[^{SEPARATORS}]*[\d/\\@][^{SEPARATORS}]*+|[\w-]++(?:\.[\w-]++)++(?![^{SEPARATORS}.:]))"
)
"""Words that may differ from one time to the next: with a digit, a slash or an @, and names of files."""
WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), placeholder)
    for pattern, placeholder in (
        (r"\d{4}-\d\d-\d\d(?:t\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:z|[+-]\d\d:?\d\d)?", "<time>"),
        (r"\d\d?:\d\d:\d\d(?:\.\d+)?(?:z|[+-]\d\d:?\d\d)?", "<time>"),
        (r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", "<id>"),
        (rf"(?:{IDS})-[\w-]+", "<id>"),
        (r"[\w.+-]++@[\w.-]+", "<address>"),
        (r"(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?", "<address>"),
        (r"[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}", "<address>"),
        (r"(?:[a-z]:)?[^/\\]*[/\\].*", "<path>"),
        (rf"[\w-]++\.(?:{SUFFIXES})(?::\d+)*", "<path>"),
        (r"0x[0-9a-f]+|(?=[a-f]*\d)[0-9a-f]{7,}", "<n>"),
        (r"[-+]?\d+(?:[.:]\d+)*(?:e[-+]?\d+)?", "<n>"),
    )
)
"""What a whole word is taken for, the first that fits; of any other the numbers in it are replaced."""
TRAILING = ".:!?"
NUMBER = re.compile(r"\d+(?:\.\d+)*")
REPEATED = re.compile(r"(<n>|<time>)(?:[\s,]+\1)+")

LINE = 500
"""Characters of a line of a stack that are looked at."""
PYTHON = re.compile(r'^[ \t|]*+File "(?P<file>[^"\n]++)", line \d+, in (?P<function>[^\n]++)$', re.MULTILINE)
NODE = re.compile(
    r"^[ \t]*+at (?:(?:async |new )*+(?P<function>[^\s(][^(\n]*) \()?(?P<file>[^()\n]+?):\d+:\d+\)?$", re.MULTILINE
)
JAVA = re.compile(r"^[ \t]*+at (?P<function>[\w.$<>/@-]++)\((?P<file>[^():\n]++)(?::\d+)?\)$", re.MULTILINE)
GO = re.compile(
    r"^(?P<function>[\w./*\[\]-]++(?:\(\*?\w++\)[\w.]++)*)\([^\n]*\)\n\t(?P<file>[^\n]+?):\d+", re.MULTILINE
)
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
    text = QUOTED.sub(_quoted, message[:MAX_MESSAGE]).casefold()
    text = REPEATED.sub(r"\1", WORD.sub(_word, text))
    return " ".join(text.split())[:MAX_NORMALISED]


def innermost(stack: str) -> list[Frame]:
    """The innermost frames, the innermost first; of an error with a cause, those of the first cause."""
    end = _short_lines(stack[-MAX_STACK:])
    python = list(PYTHON.finditer(end))
    if python:
        return [_frame(found) for found in reversed(python[-INNERMOST:])]
    cause = end.rpartition(CAUSE)[2] if CAUSE in end else _short_lines(stack[:MAX_STACK])
    for form in (NODE, JAVA, GO):
        found = list(form.finditer(cause))
        if found:
            return [_frame(one) for one in found[:INNERMOST]]
    return []


def _quoted(found: re.Match[str]) -> str:
    if found[0].startswith("\x1b"):
        return ""
    return "<url>" if "://" in found[0] and found[0][0].isalpha() else "<text>"


def _word(found: re.Match[str]) -> str:
    word = found[0].rstrip(TRAILING)
    return _placeholder(word) + found[0][len(word) :]


@lru_cache(maxsize=4096)
def _placeholder(word: str) -> str:
    for pattern, placeholder in WORDS:
        if pattern.fullmatch(word):
            return placeholder
    return NUMBER.sub("<n>", word)


def _short_lines(text: str) -> str:
    return "\n".join(line[:LINE] for line in text.splitlines())


def _frame(found: re.Match[str]) -> Frame:
    file = re.split(r"[\\/]", found["file"].partition("?")[0])[-1]
    function = (found["function"] or "").strip()
    return Frame(VOLATILE.sub("", file), VOLATILE.sub("", function))

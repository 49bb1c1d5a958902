"""Private keys in their text forms (PEM, PGP, PuTTY): the lines between begin and end are masked, the frame is left.

A key may be cut: its begin or its end may lie in another text. What follows a begin is masked as long as it looks like
the lines of a key, in the next text of the same stream too; so is what stands before an end whose begin is not there.
"""

import re

from contracts.key_formats import MASK

HINTS = ("PRIVATE KEY", "Private-Lines:")

_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|Private-Lines: ?[0-9]{1,4}")
_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_BASE64 = re.compile(r"(?![0-9]{1,5}[\t:|→])[A-Za-z0-9+/]+={0,2}|={1,2}[A-Za-z0-9+/]{4}")
# Lines of a key as they are shown: also with line numbers, as a diff, quoted, or with escaped line ends.
_GAP = r"(?:\\{1,3}[nrt]|\s|[\"',|>→]|-(?!----)|\b[0-9]{1,5}[\t:|→])"
_LINE = r"(?:[A-Za-z0-9+/]{20,}={0,2}|(?:Proc-Type|DEK-Info|Version|Comment|Charset): [^\n\\]{1,100})"
# Not possessive where it may fail: Python 3.11.2 then keeps what a failed try has taken. Nothing here ever goes back.
_LINES = re.compile(rf"(?:{_GAP}*{_LINE})*(?:{_GAP}*[A-Za-z0-9+/=]{{1,72}}(?={_GAP}*[+-]?(?:-----END|\Z)))?{_GAP}*")
_ESCAPE = re.compile(r"(\\+[nrt])")
_WORDS = re.compile(r"\\+[nrt]?|[^\s\\\"']+")


class PrivateKeys:
    """Masks the private keys of one stream of texts, and knows whether one goes on in the next."""

    def __init__(self) -> None:
        self.open = False

    def mask(self, text: str) -> str:
        """The text without private keys."""
        done, at = "", 0
        if self.open:
            at = self._end_of_lines(text, 0)
            done = masked_lines(text[:at])
        while begin := _BEGIN.search(text, at):
            until = self._end_of_lines(text, begin.end())
            done += _without_tail(text[at : begin.start()]) + begin[0] + masked_lines(text[begin.end() : until])
            at = until
        return done + _without_tail(text[at:])

    def _end_of_lines(self, text: str, at: int) -> int:
        lines = _LINES.match(text, at)
        end = lines.end() if lines is not None else at
        self.open = end == len(text)
        return end


def masked_lines(text: str) -> str:
    """The lines of a key masked, and the line ends left as they are."""
    parts = _ESCAPE.split(text)
    return "".join(part if index % 2 else _BASE64.sub(_masked, part) for index, part in enumerate(parts))


def _without_tail(text: str) -> str:
    """The text with the lines masked that stand before an end without a begin."""
    done, at = "", 0
    for end in _END.finditer(text):
        start = _start_of_lines(text, at, end.start())
        done, at = done + text[at:start] + masked_lines(text[start : end.start()]), end.start()
    return done + text[at:]


def _start_of_lines(text: str, start: int, end: int) -> int:
    words = [word for word in _WORDS.finditer(text, start, end) if not word[0].startswith("\\")]
    for count, word in enumerate(reversed(words)):
        # The last line of a key may be short, the others are not.
        if not _BASE64.fullmatch(word[0].lstrip("+-")) or (count and len(word[0]) < 20):
            break
        end = word.start()
    return end


def _masked(match: re.Match[str]) -> str:
    return MASK[: len(match[0])]

"""From chunks of output to lines: what one read of a stream gave need not end where a line ends."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.events.reporting import Report, StreamData
from contracts.sandbox import OutputChunk, StreamName

MAX_LINE = 2 * 1024 * 1024
MAX_CONTENT = 16_384
LONGEST_WORD = 1_024
GAPS = (" ", "\n", "\t")
CONTROL_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of output without its end; `end` is the offset after it, which grows from line to line."""

    stream: StreamName
    text: str
    end: int


class Lines:
    """Joins chunks to lines, for both streams of one process."""

    def __init__(self) -> None:
        self._rests = dict.fromkeys(StreamName, "")

    def feed(self, chunk: OutputChunk) -> Iterator[Line]:
        """The lines that this chunk completes."""
        stream, at = chunk.stream, chunk.offset
        *whole, rest = chunk.text.split("\n")
        for part in whole:
            at += len(part.encode(errors="replace")) + 1
            text, self._rests[stream] = self._rests[stream] + part, ""
            yield Line(stream, text, at)
        self._rests[stream] += rest
        if len(self._rests[stream]) > MAX_LINE:
            text, self._rests[stream] = self._rests[stream], ""
            yield Line(stream, text, chunk.offset + chunk.size)

    def finish(self, offset: int) -> Iterator[Line]:
        """What was left without a line end when the process ended."""
        for stream, rest in self._rests.items():
            if rest:
                yield Line(stream, rest, offset)
        self._rests = dict.fromkeys(StreamName, "")


def readable(text: str) -> str:
    """Text as the platform stores it: no terminal control sequences, no NUL, nothing but a text's own characters."""
    plain = CONTROL_SEQUENCES.sub("", text.replace("\r\n", "\n").rstrip("\r"))
    return plain.replace("\x00", "\u2400").encode(errors="replace").decode()


def shortened(text: str, limit: int = MAX_CONTENT) -> str:
    """The text, or its beginning and how much is left out. Cut between words: half a secret is not known as one."""
    if len(text) <= limit:
        return text
    gap = max(text.rfind(gap, 0, limit) for gap in GAPS)
    end = gap if gap > max(0, limit - LONGEST_WORD) else limit
    return f"{text[:end]}\n… ({len(text) - end} more characters)"


def from_a_word_on(text: str) -> str:
    """A text whose beginning is cut off, without the rest of the word that was cut."""
    gap = re.compile(r"\s").search(text, 0, LONGEST_WORD)
    return text[gap.end() :] if gap else text


def joined(bodies: Sequence[Report]) -> list[Report]:
    """Neighbouring entries of the live stream of one kind as one, so that a flood of lines is not a flood of events."""
    result: list[Report] = []
    for body in bodies:
        last = result[-1] if result else None
        if isinstance(last, StreamData) and isinstance(body, StreamData) and _alike(last, body):
            result[-1] = last.model_copy(update={"content": f"{last.content}\n{body.content}"})
        else:
            result.append(body)
    return result


def _alike(one: StreamData, other: StreamData) -> bool:
    alike = one.stream_type == other.stream_type and one.priority == other.priority and one.metadata == other.metadata
    return alike and len(one.content) + len(other.content) < MAX_CONTENT

"""Events as lines of text: quick to make by the million, and good for the bus as well as for COPY."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

STREAM_TYPE_AT = len('{"stream_type":"')


class Line(NamedTuple):
    """An event of a worker. `body` is JSON; `more` is JSON too: further fields of the envelope, each after a comma."""

    event_id: str
    kind: str
    worker_id: str
    task_id: str
    attempt: int
    seq: int
    at: str
    evidence: str
    body: str
    more: str = ""

    def to_json(self) -> str:
        """As it travels."""
        return (
            f'{{"event_id":"{self.event_id}","worker_id":"{self.worker_id}","task_id":"{self.task_id}",'
            f'"attempt":{self.attempt},"seq":{self.seq},"occurred_at":"{self.at}","evidence":"{self.evidence}",'
            f'"kind":"{self.kind}","body":{self.body}{self.more}}}'
        )

    def to_copy(self) -> str:
        """As a row of `telemetry.events`, in the text format of COPY."""
        stream_type = (
            self.body[STREAM_TYPE_AT : self.body.index('"', STREAM_TYPE_AT)] if self.kind == "stream" else "\\N"
        )
        return (
            f"{self.event_id}\t{self.at[:10]}\t{self.kind}\t{stream_type}\t{self.worker_id}\t{self.task_id}\t"
            f"{self.attempt}\t{self.seq}\t{self.at}\t{self.at}\t{self.evidence}\tf\t{_escaped(self.body)}\n"
        )


class News(NamedTuple):
    """A decision of a service. An empty text, or attempt 0: the field is left out."""

    event_id: str
    kind: str
    at: str
    data: str
    task_id: str = ""
    attempt: int = 0
    worker_id: str = ""
    question_id: str = ""

    def to_json(self) -> str:
        """As it travels."""
        about = f',"task_id":"{self.task_id}"' if self.task_id else ""
        about += f',"attempt":{self.attempt}' if self.attempt else ""
        about += f',"worker_id":"{self.worker_id}"' if self.worker_id else ""
        about += f',"question_id":"{self.question_id}"' if self.question_id else ""
        return (
            f'{{"event_id":"{self.event_id}","kind":"{self.kind}","occurred_at":"{self.at}"{about},'
            f'"actor":"system","data":{self.data}}}'
        )

    def to_copy(self) -> str:
        """As a row of `telemetry.decided_events`, in the text format of COPY."""
        texts = (self.task_id, str(self.attempt or ""), self.worker_id, self.question_id)
        about = "\t".join(text or "\\N" for text in texts)
        return f"{self.event_id}\t{self.kind}\t{self.at}\t{self.at}\t{about}\tsystem\t{_escaped(self.data)}\n"


EVENT_COLUMNS = (
    *("event_id", "day", "kind", "stream_type", "worker_id", "task_id", "attempt", "seq"),
    *("occurred_at", "recorded_at", "evidence", "stale", "body"),
)
NEWS_COLUMNS = (
    *("event_id", "kind", "occurred_at", "recorded_at", "task_id", "attempt", "worker_id", "question_id"),
    *("actor", "data"),
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A numbered batch of one subject."""

    subject: str
    producer: str
    number: int
    lines: Sequence[Line | News]

    @property
    def is_news(self) -> bool:
        """Whether services decided what is in it; else a worker reported it."""
        return self.subject.startswith("event.")

    def payload(self) -> bytes:
        """The message."""
        events = ",".join([line.to_json() for line in self.lines])
        return f'{{"producer":"{self.producer}","batch":{self.number},"events":[{events}]}}'.encode()

    def copy_rows(self) -> bytes:
        """The rows of its table."""
        return "".join([line.to_copy() for line in self.lines]).encode()


class Ids:
    """UUIDv7 of given times, the same for the same generator."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random

    def of(self, times_ms: Sequence[int]) -> list[str]:
        """One id for each time in milliseconds since 1970."""
        time = np.asarray(times_ms, dtype=">u8").tobytes().hex()
        own = self._random.bytes(8 * len(times_ms)).hex()
        return [_uuid7(time[n + 4 : n + 16], own[n : n + 16]) for n in range(0, len(own), 16)]

    def one(self, at_ms: int) -> str:
        """A single id."""
        return self.of([at_ms])[0]


def _uuid7(time: str, own: str) -> str:
    return f"{time[:8]}-{time[8:]}-7{own[:3]}-8{own[3:6]}-00{own[6:]}"


def instants(times_ms: Iterable[int] | Any) -> list[str]:
    """Times in ISO 8601, UTC, from milliseconds since 1970."""
    times = np.asarray(times_ms, dtype="int64").astype("datetime64[ms]")
    return [f"{text}Z" for text in np.datetime_as_string(times).tolist()]


def instant(at_ms: int) -> str:
    """One such time."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _escaped(json: str) -> str:
    return json.replace("\\", "\\\\")

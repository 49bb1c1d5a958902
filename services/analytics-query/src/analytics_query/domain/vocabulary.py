"""The names under which figures are kept: what they are about, over which stretch of time, and what they count."""

from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

SYSTEM = "all"
"""The only entity of dimension `system`."""
JOIN = "\x1f"
"""Between the parts of an entity that has several, such as a repository and a test of it."""
MAX_PART = 400
"""Bytes of one part: the key of an index in PostgreSQL holds about 2,700."""


class Resolution(StrEnum):
    """How much time one roll-up covers; its bucket is the beginning of it in UTC."""

    minute = "minute"
    hour = "hour"
    day = "day"


WIDTH = {
    Resolution.minute: timedelta(minutes=1),
    Resolution.hour: timedelta(hours=1),
    Resolution.day: timedelta(days=1),
}


class Dimension(StrEnum):
    """What a roll-up is about. Where an entity has several parts, `JOIN` is between them."""

    system = "system"
    worker = "worker"
    agent = "agent"
    model = "model"
    repository = "repository"
    task_class = "task_class"
    """repository, class: the tasks that are compared with each other."""
    phase = "phase"
    """repository, class, phase."""
    operation = "operation"
    """Name of a tool of the agent's own."""
    hotspot = "hotspot"
    """repository, function."""
    benchmark = "benchmark"
    """repository, name of the benchmark."""
    test = "test"
    """repository, suite, name of the test."""
    quota = "quota"
    """Provider, endpoint (empty: all), unit."""
    error = "error"
    """Fingerprint."""
    error_type = "error_type"
    recovery = "recovery"
    """Fingerprint, strategy."""
    strategy = "strategy"
    decision = "decision"
    """decision_type."""
    question = "question"
    """question_type."""


EVERY = (Resolution.minute, Resolution.hour, Resolution.day)
COARSE = (Resolution.hour, Resolution.day)
RESOLUTIONS: dict[Dimension, tuple[Resolution, ...]] = {
    dimension: EVERY if dimension is Dimension.system else COARSE for dimension in Dimension
}
"""Which roll-ups are kept of a dimension, finest first."""

Entity = tuple[Dimension, str]
"""What a figure is about: a dimension, and which entity of it."""


def joined(*parts: str) -> str:
    """An entity of several parts, each short enough for the key of an index."""
    return JOIN.join(clipped(part.replace(JOIN, " ")) for part in parts)


def clipped(text: str, limit: int = MAX_PART) -> str:
    """The text if it is at most `limit` bytes long in UTF-8, else its beginning and a digest of all of it."""
    if len(text) * 4 <= limit or len(encoded := text.encode()) <= limit:
        return text
    mark = blake2b(encoded, digest_size=8).hexdigest()
    return f"{encoded[: limit - len(mark) - 3].decode(errors='ignore')}…{mark}"


def parts_of(entity: str) -> tuple[str, ...]:
    """The parts of an entity."""
    return tuple(entity.split(JOIN))


def bucket_of(at: datetime, resolution: Resolution) -> datetime:
    """The beginning of the minute, hour or day (UTC) in which `at` lies."""
    match resolution:
        case Resolution.minute:
            return at.replace(second=0, microsecond=0)
        case Resolution.hour:
            return at.replace(minute=0, second=0, microsecond=0)
        case Resolution.day:
            return at.replace(hour=0, minute=0, second=0, microsecond=0)


def with_evidence(metric: str, evidence: str) -> str:
    """The name of a metric for values of one level of evidence: `line_coverage@observed`."""
    return f"{metric}@{evidence}"

"""What a reader's `types` mean: stream types and event kinds alike."""

from collections.abc import Iterable

from contracts.events import EVENT_TYPES
from contracts.events.reporting import StreamType
from contracts.telemetry import TailEntry
from telemetry_ingest.domain import EventFilter
from telemetry_ingest.errors import UnknownType

STREAM_TYPES = frozenset(StreamType)
# A word that is both (decision, error) asks for both.
KINDS = frozenset(EVENT_TYPES)


def filter_of(task_id: str, types: Iterable[str]) -> EventFilter:
    """The filter for a task's tail. Raises UnknownType for a word that is neither."""
    wanted = tuple(dict.fromkeys(types))
    for word in wanted:
        if word not in STREAM_TYPES and word not in KINDS:
            allowed = ", ".join(sorted(STREAM_TYPES | KINDS))
            raise UnknownType(f"types: {word!r} is neither a stream type nor an event kind; allowed: {allowed}")
    return EventFilter(
        task_id=task_id,
        kinds=tuple(word for word in wanted if word in KINDS),
        stream_types=tuple(word for word in wanted if word in STREAM_TYPES),
    )


def passes(entry: TailEntry, wanted: EventFilter) -> bool:
    """Whether a tail entry is wanted."""
    return wanted.wants_all or entry.kind in wanted.kinds or entry.stream_type in wanted.stream_types

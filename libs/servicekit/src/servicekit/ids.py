"""Ids: UUIDv7 text, so that ids sort by the time of their making, also within one millisecond of one process."""

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils

TIMESTAMP_SHIFT = 80


def new_id(prefix: str) -> str:
    """A fresh id that a person can tell apart: `new_id("task")` gives `task-0198f3…`."""
    return f"{prefix}-{uuid_utils.uuid7()}"


def new_event_id() -> str:
    """A fresh id of an event: 36 characters."""
    return str(uuid_utils.uuid7())


def first_id(prefix: str, moment: datetime) -> str:
    """The least id with this prefix that can have been made at a moment, or later, as text to compare ids with."""
    digits = f"{int(moment.timestamp() * 1000):012x}"
    return f"{prefix}-{digits[:8]}-{digits[8:]}-0000-0000-000000000000"


def event_time(event_id: str) -> datetime:
    """When an id was made, to the millisecond, in UTC; a prefix is allowed. Raises ValueError if it is no UUIDv7."""
    uuid = UUID(event_id[-36:])
    if uuid.version != 7:
        raise ValueError(f"not a UUIDv7: {event_id!r}")
    return datetime.fromtimestamp((uuid.int >> TIMESTAMP_SHIFT) / 1000, UTC)

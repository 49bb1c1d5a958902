"""The spool, from both ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A batch as it goes to the bus: its subject, `Nats-Msg-Id` and JSON. Never cut anew."""

    subject: str
    message_id: str
    message: bytes


@dataclass(frozen=True, slots=True)
class SpoolStats:
    """How much waits: events, their bytes, the bytes of all files, when the oldest was spooled (ms since 1970), and how
    many bytes of events are taken."""

    events: int
    bytes: int
    file_bytes: int
    oldest_ms: int | None
    limit_bytes: int


class EventSpool(Protocol):
    """Where events are kept until the broker has them."""

    @property
    def events(self) -> int:
        """Events that the broker does not have."""
        ...

    async def append(self, subject: str, payload: bytes, at_ms: int, *, reserved: bool = False) -> int:
        """Store one event on disk; returns its position. Raises SpoolFull, SpoolUnavailable, EventTooLarge."""
        ...

    def is_delivered(self, position: int) -> bool:
        """Whether the broker has the event at a position, and all that is older."""
        ...

    def stats(self) -> SpoolStats:
        """How much waits now."""
        ...


class OutgoingSpool(Protocol):
    """The other end of the spool: what is to be published."""

    async def wait_for_work(self) -> None:
        """Return when there is something to publish."""
        ...

    async def seal(self) -> list[SealedBatch]:
        """All batches to publish now, sealed on disk. Raises SpoolUnavailable."""
        ...

    def acknowledge(self, message_ids: Sequence[str]) -> None:
        """The broker has these batches."""
        ...

"""Sealed batches: the form of every stored message but assignments."""

from typing import Annotated, Generic, TypeVar

from pydantic import Field, TypeAdapter

from contracts.base import Model, Name
from contracts.commands import Command
from contracts.decided import DecidedEvent
from contracts.events import Event
from contracts.questions import Answer

MAX_BATCH = 256
"""Most events in one batch."""

ItemT = TypeVar("ItemT")


class Batch(Model, Generic[ItemT]):
    """1 to 256 events of one subject in order. (`producer`, `batch`) is never used for other content."""

    producer: Name
    """Id of the spool or outbox that sealed it."""
    batch: Annotated[int, Field(ge=1)]
    """Counts up by one for each batch of a producer."""
    events: Annotated[list[ItemT], Field(min_length=1, max_length=MAX_BATCH)]

    @property
    def message_id(self) -> str:
        """Value of the `Nats-Msg-Id` header."""
        return f"{self.producer}.{self.batch}"


EVENT_BATCH: TypeAdapter[Batch[Event]] = TypeAdapter(Batch[Event])
DECIDED_BATCH: TypeAdapter[Batch[DecidedEvent]] = TypeAdapter(Batch[DecidedEvent])
COMMAND_BATCH: TypeAdapter[Batch[Command]] = TypeAdapter(Batch[Command])
ANSWER_BATCH: TypeAdapter[Batch[Answer]] = TypeAdapter(Batch[Answer])

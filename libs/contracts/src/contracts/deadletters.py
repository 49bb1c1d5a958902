"""Dead letters as operators see them: messages that a service could not apply, and what became of each."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Model, Name, UtcTime

MOST_AT_ONCE = 100
"""Most letters that one request settles."""

LetterId = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9-]{0,62}:[1-9][0-9]{0,17}$",
        description="Id of a dead letter: its service and its number there, such as `telemetry-ingest:12`.",
    ),
]
LetterIds = Annotated[list[LetterId], Field(min_length=1, max_length=MOST_AT_ONCE)]


class DeadLetterState(StrEnum):
    """What became of a dead letter."""

    open = "open"
    retried = "retried"
    dropped = "dropped"


class DeadLetterCause(StrEnum):
    """Why a message was put aside; the letter's `reason` says it in words."""

    invalid = "invalid"
    """It is not what its contract says."""
    foreign = "foreign"
    """It says something that its sender may not say, or not on this subject."""
    failed = "failed"
    """It was understood, and could not be applied."""
    newer = "newer"
    """It is of a kind that this version does not know; a version that does processes it by itself."""


class DeadLetter(Model):
    """A message that was put aside."""

    id: LetterId
    service: Name
    state: DeadLetterState
    cause: DeadLetterCause | None = None
    """None: put aside by a version that did not say."""
    reason: str
    stream: str
    """`core` for what no stream holds."""
    subject: str
    durable: str | None = None
    """The consumer that put it aside, and would process it again."""
    event_id: str | None = None
    """The one event of a batch that the letter is about; None: the whole message."""
    payload_bytes: int
    recorded_at: UtcTime
    retries: int
    last_retried_at: UtcTime | None = None
    last_error: str | None = None
    """Why it failed when it was last tried again."""
    settled_at: UtcTime | None = None
    settled_by: str | None = None
    settled_reason: str | None = None
    """Why it was dropped."""


class DeadLetterContent(DeadLetter):
    """The same with what the message said."""

    headers: dict[str, str]
    payload: str
    """As text, cut when it is long; bytes that are no text are escaped."""
    is_cut: bool


class RetryDeadLetters(Model):
    """Process messages again, in this order."""

    ids: LetterIds
    by: Name = "operator"
    """Who wants it."""


class DropDeadLetters(Model):
    """Give messages up."""

    ids: LetterIds
    reason: Name
    """Why."""
    by: Name = "operator"
    """Who wants it."""


class DeadLetterOutcome(StrEnum):
    """What a request has done about one letter."""

    retried = "retried"
    """It was processed this time."""
    dropped = "dropped"
    failed_again = "failed_again"
    """It stays open."""
    not_retryable = "not_retryable"
    """Nobody could process it: it can only be dropped."""
    unchanged = "unchanged"
    """It was settled before."""
    not_found = "not_found"
    unavailable = "unavailable"
    """Its service, or what that needs, is away: ask again."""


class SettledDeadLetter(Model):
    """What became of one letter of a request."""

    id: LetterId
    outcome: DeadLetterOutcome
    detail: str | None = None
    """Why, where it is not plain."""


class SettledDeadLetters(Model):
    """What became of each letter, in the order asked for."""

    items: list[SettledDeadLetter]


class UnavailableService(Model):
    """A service whose dead letters could not be asked for."""

    service: Name
    detail: str


class DeadLetterList(Model):
    """Dead letters of all services, newest first."""

    items: list[DeadLetter]
    next_cursor: str | None = None
    unavailable: list[UnavailableService] = []
    """Services that did not answer: their letters are missing here, and come with the cursor once they do."""

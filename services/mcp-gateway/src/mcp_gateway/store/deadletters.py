"""The gateway's own dead letters: what of the services' decisions could not go into the audit log."""

from collections.abc import Generator
from contextlib import contextmanager

from contracts.base import Page
from contracts.deadletters import (
    DeadLetter,
    DeadLetterContent,
    DropDeadLetters,
    RetryDeadLetters,
    SettledDeadLetters,
)
from mcp_gateway.errors import NotFound, Unavailable
from mcp_gateway.ports import DeadLetterQuery
from servicekit.deadletters import DeadLetterDesk, LetterFilter
from servicekit.errors import ServiceError
from servicekit.pg import is_transient

NOT_FOUND = "dead_letter_not_found"


class OwnDeadLetters:
    """Dead letters in the gateway's own schema, told like those of any service."""

    def __init__(self, desk: DeadLetterDesk) -> None:
        self._desk = desk

    async def page(self, query: DeadLetterQuery, cursor: str | None) -> Page[DeadLetter]:
        """One page, newest first."""
        wanted = LetterFilter(query.state, query.stream, query.subject, query.cause)
        with _told():
            return await self._desk.page(wanted, cursor, query.limit)

    async def content(self, letter_id: str) -> DeadLetterContent:
        """One letter with what it says."""
        with _told():
            return await self._desk.content(letter_id)

    async def retry(self, wanted: RetryDeadLetters) -> SettledDeadLetters:
        """Have letters processed again."""
        with _told():
            return await self._desk.retry(wanted)

    async def drop(self, wanted: DropDeadLetters) -> SettledDeadLetters:
        """Give letters up."""
        with _told():
            return await self._desk.drop(wanted)


@contextmanager
def _told() -> Generator[None]:
    try:
        yield
    except ServiceError as error:
        if error.code != NOT_FOUND:
            raise
        raise NotFound(error.detail) from error
    except Exception as error:
        if not is_transient(error):
            raise
        raise Unavailable("mcp-gateway", "the gateway's own database does not answer") from error

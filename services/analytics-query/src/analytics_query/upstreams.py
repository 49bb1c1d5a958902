"""The event log, over HTTP."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
from pydantic import ValidationError

from contracts.telemetry import LoggedDecision, LoggedEvent, LogMarks
from servicekit.bus.failures import is_of_unknown_kind
from servicekit.client import ServiceClient, ServiceUnavailable
from servicekit.logs import get_logger
from servicekit.settings import ServiceSettings

TELEMETRY = "telemetry-ingest"
TRIES = 10
PAUSE_S = 1.0

Logged = TypeVar("Logged", LoggedEvent, LoggedDecision)

log = get_logger(__name__)


@asynccontextmanager
async def open_log(settings: ServiceSettings) -> AsyncGenerator["HttpLog"]:
    """A client of the log, closed at the end of the block."""
    client = ServiceClient.of(settings, TELEMETRY, settings.telemetry_ingest_url)
    try:
        yield HttpLog(client)
    finally:
        await client.close()


def _known(line: bytes, parse: Callable[[bytes], Logged]) -> Logged | None:
    """What a line says; None if a newer version has written it, whose kind of event is not known here."""
    try:
        return parse(line)
    except ValidationError as error:
        if not is_of_unknown_kind(error):
            raise
        return None


class HttpLog:
    """The event log of telemetry-ingest."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def marks(self) -> LogMarks:
        """Which batches are in the log: who asks first and reads then finds all of them."""
        return await self._client.get("/v1/log/marks", LogMarks)

    def events(self) -> AsyncGenerator[list[LoggedEvent]]:
        """All that workers reported and asked, some at a time."""
        return self._read("/v1/log/events", LoggedEvent.model_validate_json)

    def decided(self) -> AsyncGenerator[list[LoggedDecision]]:
        """All that services decided, some at a time."""
        return self._read("/v1/log/decided", LoggedDecision.model_validate_json)

    async def _read(self, path: str, parse: Callable[[bytes], Logged]) -> AsyncGenerator[list[Logged]]:
        """Read to the end; where an answer breaks off, go on behind the last line."""
        after: str | None = None
        failures = unknown = 0
        while True:
            try:
                async for lines in self._lines(path, after):
                    items = [item for line in lines if (item := _known(line, parse)) is not None]
                    failures, unknown = 0, unknown + len(lines) - len(items)
                    if items:
                        after = items[-1].event.event_id
                        yield items
                if unknown:
                    log.warning("the log has kinds of events that this version does not know", path=path, many=unknown)
                return
            except (ServiceUnavailable, httpx.TransportError) as error:
                failures += 1
                if failures == TRIES:
                    raise ServiceUnavailable(TELEMETRY, f"breaks off again and again: {error!r}") from error
                log.warning("the log broke off", path=path, after=after, error=repr(error))
            await asyncio.sleep(PAUSE_S)

    async def _lines(self, path: str, after: str | None) -> AsyncGenerator[list[bytes]]:
        rest = b""
        async with self._client.stream(path, {"after": after}) as response:
            async for piece in response.aiter_bytes():
                *lines, rest = (rest + piece).split(b"\n")
                if lines:
                    yield lines
        if rest:
            raise httpx.ReadError("the answer ends within a line")

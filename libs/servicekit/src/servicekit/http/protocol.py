"""HTTP/1.1 with a limit on the head of a request, which the server reads before any application sees it."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contracts.problems import MEDIA_TYPE
from servicekit.errors import ServiceError, problem_of
from servicekit.settings import ServiceSettings


class LimitedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which ends a connection whose request's head is too large or does not come."""

    most_bytes: int
    within_s: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = True
        self._turns = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Wait for the first request, but not for ever."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head is too large by now."""
        turns = self._turns
        super().data_received(data)
        # What brought a head or a body to its end is no part of the next head.
        if not self._in_head or self._turns != turns:
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.most_bytes:
            self._refuse()
        elif self._head_bytes and self._timer is None:
            self._arm()

    def on_headers_complete(self) -> None:
        """The head is there: hand it on."""
        self._in_head = False
        self._turns += 1
        self._head_bytes = 0
        self._disarm()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next thing that comes is another head."""
        self._in_head = True
        self._turns += 1
        super().on_message_complete()

    def _refuse(self) -> None:
        if not self.transport.is_closing():
            body = problem_of(headers_too_large(self.most_bytes)).to_json()
            head = ("HTTP/1.1 431 ", f"content-type: {MEDIA_TYPE}", f"content-length: {len(body)}", "connection: close")
            self.transport.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
            self.transport.close()

    def _arm(self) -> None:
        self._timer = self.loop.call_later(self.within_s, self.transport.close)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def limited_protocol(settings: ServiceSettings) -> type[LimitedProtocol]:
    """The protocol with the limits of the settings."""

    class Limited(LimitedProtocol):
        most_bytes = settings.max_url_bytes + settings.max_header_bytes
        within_s = settings.http_head_timeout_ms / 1000

    return Limited


def headers_too_large(limit: int) -> ServiceError:
    """The error for a request whose head is over the limit."""
    detail = f"the headers are larger than {limit} bytes (MAX_HEADER_BYTES)"
    return ServiceError("headers_too_large", "headers_too_large", detail)

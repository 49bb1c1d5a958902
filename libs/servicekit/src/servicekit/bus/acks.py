"""The broker's acknowledgements of published messages: one inbox a connection, a window of messages at a time."""

import asyncio
from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg

from servicekit.metrics import BUS_PUBLISHED

ERROR_MARK = b'"error"'
NO_RESPONDERS = "no stream takes this subject"


class Window:
    """Messages published together: `stored[i]` says whether the broker has taken message i."""

    __slots__ = ("_left", "done", "number", "problem", "stored")

    def __init__(self, number: int, size: int) -> None:
        self.number = number
        self.stored = [False] * size
        self.problem: str | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = size

    def settle(self, index: int, problem: str | None) -> None:
        """Note what the broker said about one message, or that it was not sent."""
        if problem is None:
            self.stored[index] = True
        else:
            self.problem = self.problem or problem
        self._left -= 1
        if self._left <= 0:
            self.give_up()

    def give_up(self) -> None:
        """Stop waiting: what has no acknowledgement by now counts as not stored."""
        if not self.done.done():
            self.done.set_result(None)


class AckInbox:
    """Hands out reply subjects, and tells each window what was answered on them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._windows: dict[str, Window] = {}
        self._count = 0
        self._prefix: str | None = None
        self._opening = asyncio.Lock()

    async def window(self, size: int) -> tuple[Window, Callable[[int], str]]:
        """A fresh window, and the function that gives the reply subject of its message i."""
        prefix = self._prefix or await self._open()
        self._count += 1
        window = Window(self._count, size)
        self._windows[str(window.number)] = window
        return window, f"{prefix}.{window.number}.{{}}".format

    def close(self, window: Window) -> None:
        """Forget a window; acknowledgements that still come are dropped."""
        self._windows.pop(str(window.number), None)

    def give_up_all(self) -> None:
        """The connection is lost: nobody will answer what is outstanding."""
        for window in self._windows.values():
            window.give_up()

    async def _open(self) -> str:
        async with self._opening:
            if self._prefix is None:
                prefix = self._client.new_inbox()
                await self._client.subscribe(f"{prefix}.>", cb=self._on_ack)
                self._prefix = prefix
        return self._prefix

    async def _on_ack(self, message: Msg) -> None:
        _, number, index = message.subject.rsplit(".", 2)
        window = self._windows.get(number)
        if window is not None:
            problem = _problem(message)
            window.settle(int(index), problem)
            if problem is None:
                BUS_PUBLISHED.labels(_stream(message)).inc()


def _problem(message: Msg) -> str | None:
    if not message.data:
        return NO_RESPONDERS
    return message.data.decode(errors="replace") if ERROR_MARK in message.data else None


def _stream(message: Msg) -> str:
    """The stream's name: an acknowledgement is `{"stream":"…",…}`."""
    return message.data.split(b'"', 4)[3].decode()

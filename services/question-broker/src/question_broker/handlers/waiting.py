"""Who waits for a question to be closed, in this process."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager, suppress


class Watch:
    """Waits for one question."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def tell(self) -> None:
        """The question is closed."""
        self._event.set()

    async def closed(self, within_s: float) -> None:
        """Return once the question is closed here, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._event.wait()


class Closings:
    """All who wait, by the question that they wait for."""

    def __init__(self) -> None:
        self._watches: dict[str, set[Watch]] = {}
        self.ended = False

    def tell(self, question_ids: Collection[str]) -> None:
        """These questions were closed."""
        for question_id in question_ids:
            for watch in self._watches.get(question_id, ()):
                watch.tell()

    def end(self) -> None:
        """This process stops: who waits is to be told how things stand."""
        self.ended = True
        self.tell(list(self._watches))

    @asynccontextmanager
    async def watch(self, question_id: str) -> AsyncGenerator[Watch]:
        """Nothing that happens in the block is missed."""
        watch = Watch()
        self._watches.setdefault(question_id, set()).add(watch)
        try:
            yield watch
        finally:
            watches = self._watches[question_id]
            watches.discard(watch)
            if not watches:
                del self._watches[question_id]

"""Slots: how many attempts run at a time."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager


class Slots:
    """A limit that may change while attempts run; those that wait get in when there is room."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._changed = asyncio.Condition()

    @property
    def limit(self) -> int:
        """How many attempts may run at a time."""
        return self._limit

    @property
    def free(self) -> int:
        """How many more may begin now."""
        return max(0, self._limit - self._taken)

    async def resize(self, limit: int) -> None:
        """Change the limit; what runs goes on."""
        async with self._changed:
            self._limit = limit
            self._changed.notify_all()

    @asynccontextmanager
    async def taken(self, at_once: Callable[[], bool]) -> AsyncGenerator[None]:
        """Hold a slot; where `at_once` says so, also above the limit: for what runs already, helps, or need not run."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._taken < self._limit or at_once())
            self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            await asyncio.shield(self.tell())

    async def tell(self) -> None:
        """Let those that wait look again."""
        async with self._changed:
            self._changed.notify_all()

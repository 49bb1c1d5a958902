"""The wall time of a process: it stands still while the process is paused, and its limit may change on the way."""

import asyncio
from collections.abc import Callable


class WallTime:
    """Runs from when it is made; calls back once as much as is allowed has gone by."""

    def __init__(self, when_over: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._when_over = when_over
        self._before_s = 0.0
        self._since: float | None = self._loop.time()
        self._limit_ms: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def gone_s(self) -> float:
        """How much has gone by, without pauses."""
        return self._before_s + (0.0 if self._since is None else self._loop.time() - self._since)

    def allow(self, limit_ms: int | None) -> None:
        """Allow so much from the start on, or without end."""
        self._limit_ms = limit_ms
        self._arm()

    def stand_still(self) -> None:
        """Count no longer, until told to go on."""
        self._before_s, self._since = self.gone_s, None
        self._arm()

    def go_on(self) -> None:
        """Count again."""
        self._before_s, self._since = self.gone_s, self._loop.time()
        self._arm()

    def forget(self) -> None:
        """Never call back."""
        self.allow(None)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._limit_ms is not None and self._since is not None:
            left_s = max(0.0, self._limit_ms / 1000 - self.gone_s)
            self._timer = self._loop.call_later(left_s, self._when_over)

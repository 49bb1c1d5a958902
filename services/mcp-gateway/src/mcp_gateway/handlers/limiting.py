"""Limits: buckets in this process, and those that all replicas share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mcp_gateway.decisions.limiting import Rate, ahead, take
from mcp_gateway.domain.needs import Effect
from mcp_gateway.domain.principals import Principal
from mcp_gateway.errors import SharedStateAway, TooManyRequests
from mcp_gateway.ports import SharedBuckets

MOST_BUCKETS = 20_000
# While the shared buckets are away, one request in this time asks whether they are back.
ASK_AGAIN_S = 1.0
# What was taken ahead, and is not used by then, is lost.
AHEAD_S = 1.0


class LocalBuckets:
    """Buckets of this process by key, at most so many: when there are more, those that are full again go."""

    def __init__(self, monotonic: Callable[[], float], most: int = MOST_BUCKETS) -> None:
        self._monotonic = monotonic
        self._most = most
        self._until: dict[str, float] = {}

    def take(self, key: str, rate: Rate) -> float:
        """Take one; how long to wait in s where there is none, 0 where there was."""
        if len(self._until) >= self._most and key not in self._until:
            self._make_room()
        taken = take(self._until.get(key, 0.0), self._monotonic(), rate)
        self._until[key] = taken.until
        return taken.wait_s

    def look(self, key: str, rate: Rate) -> float:
        """How long one would have to wait."""
        return take(self._until.get(key, 0.0), self._monotonic(), rate).wait_s

    def _make_room(self) -> None:
        now = self._monotonic()
        self._until = {key: until for key, until in self._until.items() if until > now}
        # All are in use: the one that is nearest to full loses the least.
        while len(self._until) >= self._most:
            del self._until[min(self._until, key=self._until.__getitem__)]


class Unlimited:
    """Limits for a machine of one's own."""

    async def take(self, principal: Principal, effect: Effect) -> None:
        """Allow it."""


@dataclass(slots=True)
class _Ahead:
    """What was taken ahead for a caller, and is good for a short time."""

    left: int
    until: float
    size: int


class SharedLimits:
    """Limits of a caller over all replicas; while what they share is away, each replica's own.

    For who comes often some are taken ahead, so that not every request asks the others. Who was told to wait is told
    again without a question to them, until that time is over.
    """

    def __init__(
        self,
        shared: SharedBuckets,
        rates: Mapping[Effect, Rate],
        monotonic: Callable[[], float],
        on_limited: Callable[[Effect], None],
    ) -> None:
        self._shared = shared
        self._rates = rates
        self._monotonic = monotonic
        self._on_limited = on_limited
        self._own = LocalBuckets(monotonic)
        self._ahead: dict[str, _Ahead] = {}
        self._waits: dict[str, float] = {}
        self._away_until = float("-inf")

    async def take(self, principal: Principal, effect: Effect) -> None:
        """Count one request. Raises TooManyRequests."""
        rate = self._rates[effect]
        if rate.per_minute == 0:
            return
        key = f"{principal.identity}:{effect}"
        if self._take_ahead(key):
            return
        wait_s = self._waits.get(key, 0.0) - self._monotonic()
        if wait_s <= 0:
            wait_s = await self._take(key, rate)
            self._remember(key, wait_s)
        if wait_s > 0:
            self._on_limited(effect)
            raise TooManyRequests(
                f"{principal.name} may do {rate.per_minute} {effect}s a minute and {rate.burst} at once", wait_s
            )

    def _take_ahead(self, key: str) -> bool:
        found = self._ahead.get(key)
        if found is None or not found.left or found.until <= self._monotonic():
            return False
        found.left -= 1
        return True

    async def _take(self, key: str, rate: Rate) -> float:
        now = self._monotonic()
        if now < self._away_until:
            return self._own.take(key, rate)
        if self._away_until > float("-inf"):
            # The others go on with their own meanwhile.
            self._away_until = now + ASK_AGAIN_S
        last = self._ahead.get(key)
        wanted = ahead(last.size, last.until > now, rate) if last else 1
        try:
            granted, wait_s = await self._shared.take(key, rate, wanted)
        except SharedStateAway:
            self._away_until = self._monotonic() + ASK_AGAIN_S
            return self._own.take(key, rate)
        self._away_until = float("-inf")
        if granted:
            self._keep(key, granted - 1, wanted)
        return wait_s

    def _keep(self, key: str, granted: int, size: int) -> None:
        now = self._monotonic()
        if len(self._ahead) >= MOST_BUCKETS:
            self._ahead = {known: one for known, one in self._ahead.items() if one.until > now}
        last = self._ahead.get(key)
        # Another request may have taken some meanwhile.
        left = last.left if last is not None and last.until > now else 0
        self._ahead[key] = _Ahead(left + granted, now + AHEAD_S, size)

    def _remember(self, key: str, wait_s: float) -> None:
        if wait_s <= 0:
            self._waits.pop(key, None)
            return
        now = self._monotonic()
        if len(self._waits) >= MOST_BUCKETS:
            self._waits = {known: until for known, until in self._waits.items() if until > now}
        self._waits[key] = now + wait_s

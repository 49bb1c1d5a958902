"""How much an attempt may send: beyond it a call is refused with the time to wait, and observed output is thinned."""

from collections import Counter as Counts
from collections.abc import Generator
from contextlib import contextmanager
from math import ceil

from prometheus_client import Counter

from contracts.events.reporting import Report, StreamData, StreamType, ToolCall
from servicekit.clock import Clock
from servicekit.metrics import REGISTRY
from worker_agent.decisions.rates import Lane, Level, Rates, SendLimits, draw
from worker_agent.errors import RateLimited

LAST_WORD = "completion"
OTHER_BODY_BYTES = 500
"""What an event takes beside its long texts, about."""
UNIT = {"B": 1, "kB": 1_000, "MB": 1_000_000}

REFUSED = Counter("mews_calls_rate_limited", "Calls of tools that were refused for their rate.", registry=REGISTRY)
LEFT_OUT = Counter(
    "mews_observed_left_out", "Events of agents' output that were left out for their rate.", registry=REGISTRY
)


class Throttle:
    """The limits of one attempt, and what it has used of them."""

    def __init__(self, limits: SendLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        now_s = clock.monotonic()
        self._levels: dict[Lane, Level] = {lane: limits.of(lane).full(now_s) for lane in Lane}
        self._calls = 0

    def report(self, kind: str, size: int) -> None:
        """An agent says something of this size. Raises RateLimited."""
        self._or_refuse(Lane.last_word if kind == LAST_WORD else Lane.reported, size)

    def deposit(self, size: int) -> None:
        """An agent wants so much kept in the object store. Raises RateLimited."""
        self._or_refuse(Lane.objects, size)

    def observe(self, size: int) -> bool:
        """Whether an event of this size, read from the output, may go."""
        return self._draw(Lane.observed, size) == 0

    @contextmanager
    def calling(self) -> Generator[None]:
        """A call of a tool is under way. Raises RateLimited when too many are."""
        most = self._limits.calls_at_once
        if self._calls >= most:
            REFUSED.inc()
            raise RateLimited(
                f"{self._calls} calls of this attempt are under way, and no more than {most} may be: wait until one "
                "has returned"
            )
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    def _or_refuse(self, lane: Lane, size: int) -> None:
        wait_s = self._draw(lane, size)
        if wait_s > 0:
            REFUSED.inc()
            raise RateLimited(_too_fast(self._limits.of(lane), wait_s))

    def _draw(self, lane: Lane, size: int) -> float:
        self._levels[lane], wait_s = draw(self._levels[lane], self._limits.of(lane), size, self._clock.monotonic())
        return wait_s


class Thinning:
    """Leaves out what an agent writes faster than it may, and counts it."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._left_out: Counts[str] = Counts()
        self._bytes = 0

    def keeps(self, body: Report) -> bool:
        """Whether this event goes; else it counts as left out."""
        size = _size(body)
        if self._throttle.observe(size):
            return True
        self._left_out[_what(body)] += 1
        self._bytes += size
        LEFT_OUT.inc()
        return False

    def told(self) -> StreamData | None:
        """What was left out since this was asked last; None: nothing."""
        left_out, size, self._left_out, self._bytes = self._left_out, self._bytes, Counts(), 0
        if not left_out:
            return None
        what = ", ".join(f"{number} of {name}" for name, number in sorted(left_out.items()))
        return StreamData(
            stream_type=StreamType.output,
            content=f"[mews] Left out here, because the output came faster than it may: {what}; {_shown(size)} in all.",
            metadata={"left_out": sum(left_out.values()), "left_out_bytes": size},
        )


def _too_fast(rates: Rates, wait_s: float) -> str:
    most = f"{rates.things.per_s:g} a second and {_shown(rates.volume.per_s)} a second"
    return (
        f"this attempt sends more than it may ({most}); nothing was recorded. Try again in {ceil(wait_s * 1000)} ms, "
        "and put more into one call: several lines in one stream entry, all tests of a run in one report"
    )


def _shown(size: float) -> str:
    unit = max((name for name, amount in UNIT.items() if size >= amount), key=UNIT.__getitem__, default="B")
    return f"{size / UNIT[unit]:.3g} {unit}"


def _size(body: Report) -> int:
    # Making the JSON only to leave it out would cost more than all the rest.
    if isinstance(body, StreamData):
        return OTHER_BODY_BYTES + len(body.content)
    if isinstance(body, ToolCall):
        return OTHER_BODY_BYTES + len(body.result or "") + len(body.error or "")
    return OTHER_BODY_BYTES


def _what(body: Report) -> str:
    return "the stream" if isinstance(body, StreamData) else type(body).__name__

"""Fair turns for senders that share a stream: who floods it waits, so that the others do not.

A stream is one queue: behind a flood, what others sent comes late. While a consumer is behind, messages of a sender
that uses far more than the others are given back to the broker for a while, unread, which is cheap; so the others'
turn comes soon. Nothing is lost: what was given back comes again when there is room, or its turn has come.
"""

from dataclasses import dataclass, field
from math import exp

MEBIBYTE = 1024 * 1024
MESSAGE_BYTES = 1_024
"""What a message costs beside its bytes, about."""
SUM_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class FairShare:
    """When and for how long a sender must wait."""

    bytes_per_s: float = 8 * MEBIBYTE
    """How fast what had to wait comes back, of each sender."""
    burst_bytes: float = 2 * MEBIBYTE
    """Who has used less than this lately does not flood."""
    behind: int = 20
    """With fewer messages to come, nobody waits."""
    much_more: float = 4.0
    """How many times the others' mean is far more."""
    least_delay_s: float = 1.0
    most_delay_s: float = 30.0
    most_waiting: int = 5_000
    """Messages that wait at a time; well below what a durable may have without an answer, or all would stand still."""
    window_s: float = 5.0
    """How long use counts, about."""


@dataclass(slots=True)
class _Sender:
    used: float = 0.0
    at_s: float = 0.0
    summed: float = 0.0
    """What it had used when all was added up last."""
    next_s: float = 0.0
    """When its next turn is, of what had to wait."""


@dataclass(slots=True)
class Turns:
    """Who has used how much, and what waits; of one consumer."""

    share: FairShare
    _senders: dict[str, _Sender] = field(default_factory=dict[str, _Sender])
    _waiting: set[int] = field(default_factory=set[int])
    _summed_at_s: float = float("-inf")
    _total: float = 0.0
    _active: int = 0

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    def delay_s(self, sender: str, sequence: int, size: int, pending: int, now_s: float) -> float:
        """How long a message must wait; 0 if it is its turn. `pending`: how many are still to come after it."""
        self._waiting.discard(sequence)
        size += MESSAGE_BYTES
        one = self._used(sender, size, now_s)
        if pending < self.share.behind or len(self._waiting) >= self.share.most_waiting:
            return 0.0
        if not self._floods(sender, now_s):
            return 0.0
        # What waits uses nothing yet.
        one.used -= size
        one.next_s = max(one.next_s, now_s + self.share.least_delay_s) + size / self.share.bytes_per_s
        self._waiting.add(sequence)
        return min(one.next_s - now_s, self.share.most_delay_s)

    def forget(self) -> None:
        """What waits was given back in another way, or the stream is another."""
        self._waiting.clear()

    def _used(self, sender: str, size: int, now_s: float) -> _Sender:
        one = self._senders.setdefault(sender, _Sender(at_s=now_s))
        one.used = self._left(one, now_s) + size
        one.at_s = now_s
        return one

    def _left(self, one: _Sender, now_s: float) -> float:
        return one.used * exp(-max(0.0, now_s - one.at_s) / self.share.window_s)

    def _floods(self, sender: str, now_s: float) -> bool:
        if now_s >= self._summed_at_s + SUM_EVERY_S:
            self._sum(now_s)
        used = self._senders[sender].summed
        others, many = self._total - used, self._active - (used >= 1)
        return many > 0 and used > max(self.share.burst_bytes, self.share.much_more * others / many)

    def _sum(self, now_s: float) -> None:
        """Add up what all have used; not for each message, since there may be a thousand senders."""
        self._summed_at_s, self._total, self._active = now_s, 0.0, 0
        for name, one in list(self._senders.items()):
            one.summed = self._left(one, now_s)
            if one.summed >= 1:
                self._total, self._active = self._total + one.summed, self._active + 1
            elif one.next_s < now_s:
                del self._senders[name]

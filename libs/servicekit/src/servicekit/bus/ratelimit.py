"""How often each sender may do something: cheap to ask, and bounded in memory whoever sends."""

from collections import OrderedDict

MOST_KNOWN = 10_000


class RateLimit:
    """A token bucket for each sender: `burst` at once, and `per_s` a second after that.

    Of more than `most_known` senders it forgets the one that was quiet for longest, which then has its whole burst
    again: who sends without end is never quiet, and who was forgotten is never refused for it.
    """

    def __init__(self, per_s: float, burst: float, most_known: int = MOST_KNOWN) -> None:
        self.per_s = per_s
        self._ahead_s = burst / per_s
        self._most_known = most_known
        self._next_s = OrderedDict[str, float]()

    def allows(self, sender: str, now_s: float, cost: float = 1.0) -> bool:
        """Whether the sender may now; if so, it has. What costs more than is left is let in, and paid for later."""
        next_s = max(now_s, self._next_s.get(sender, now_s))
        is_allowed = next_s - now_s <= self._ahead_s
        self._next_s[sender] = next_s + cost / self.per_s if is_allowed else next_s
        self._next_s.move_to_end(sender)
        if len(self._next_s) > self._most_known:
            self._next_s.popitem(last=False)
        return is_allowed

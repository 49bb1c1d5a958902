"""Whether the chain holds, and where it breaks first."""

from collections.abc import Iterable, Sequence

from mcp_gateway.decisions.audit.chaining import hash_of
from mcp_gateway.domain.audit import Break, Head, Link


def check(after: Head, links: Iterable[Link]) -> tuple[Head, Break | None]:
    """Follow the chain from `after`: the last entry that holds, and what is wrong with the next."""
    head = after
    for link in links:
        wrong = _wrong(head, link)
        if wrong is not None:
            return head, Break(link.seq, wrong)
        head = Head(link.seq, link.hash, link.recorded_at)
    return head, None


def check_start(first: Link, anchor: Head | None) -> Break | None:
    """Whether the oldest entry may be the oldest: the first of all, or the one behind what retention has dropped.

    `anchor`: the end of what the newest anchor entry says was dropped.
    """
    if first.seq == 1:
        return None
    if anchor is None or anchor.seq != first.seq - 1:
        return Break(first.seq, f"the entries before {first.seq} are gone, and no entry of the log says why")
    if anchor.hash != first.prev_hash:
        return Break(first.seq, f"entry {first.seq} does not follow the last one that was dropped")
    return None


def check_end(reached: Head, head: Head) -> Break | None:
    """Whether the last entry is where the log says that it ends."""
    if reached.seq < head.seq:
        return Break(reached.seq + 1, f"the log ends at {reached.seq}, and should end at {head.seq}: entries are gone")
    if reached.seq > head.seq or reached.hash != head.hash:
        return Break(reached.seq, f"the log ends at {reached.seq}, but not as its head says")
    return None


def check_known(known: Sequence[Head], link: Link) -> Break | None:
    """Whether an entry is what somebody has written down earlier."""
    if any(one.seq == link.seq and one.hash != link.hash for one in known):
        return Break(link.seq, f"entry {link.seq} is not the one that was written down: the log was rewritten")
    return None


def _wrong(head: Head, link: Link) -> str | None:
    if link.seq != head.seq + 1:
        return f"entry {link.seq} follows {head.seq}: entries between them are gone"
    if link.prev_hash != head.hash:
        return f"entry {link.seq} does not follow the one before it"
    if link.hash != hash_of(link.prev_hash, link.seq, link.recorded_at, link.entry):
        return f"entry {link.seq} was changed after it was written"
    if head.recorded_at is not None and link.recorded_at < head.recorded_at:
        return f"entry {link.seq} is older than the one before it"
    return None

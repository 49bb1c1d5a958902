"""Whether the chain holds, and where it breaks first."""

from collections.abc import Sequence
from dataclasses import dataclass

from mcp_gateway.decisions.audit.chaining import hash_of
from mcp_gateway.domain.audit import AuditPart, Break, Head, Link


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found in a part of the chain."""

    reached: Head
    """The last entry that holds."""
    entries: int
    broken: Break | None


def judge(part: AuditPart, after: Head | None, known: Sequence[Head] = ()) -> Judged:
    """Follow a part of the chain. `after`: the entry that was reached before; None: it is the first part.

    `known`: ends of the chain as somebody has written them down.
    """
    start = _start(part) if after is None else after
    broken = check_start(part, start) if after is None else _moved(part, start)
    if broken is not None:
        return Judged(start, 0, broken)
    reached, entries, broken = _follow(start, part.links, {one.seq: one.hash for one in known})
    if broken is None and part.is_last:
        broken = check_end(reached, part.head, known)
    return Judged(reached, entries, broken)


def check_start(part: AuditPart, start: Head) -> Break | None:
    """Whether the oldest entry may be the oldest: the first of all, or the one behind what retention has dropped."""
    if not part.links or part.links[0].seq == 1:
        return None
    first = part.links[0].seq
    if start.seq != first - 1:
        return Break(first, f"the entries before {first} are gone, and no entry of the log says why")
    return None


def check_end(reached: Head, head: Head, known: Sequence[Head]) -> Break | None:
    """Whether the last entry is where the log, and whoever wrote down its end, says that it ends."""
    last = max((one.seq for one in (head, *known)), default=0)
    if reached.seq < last:
        return Break(reached.seq + 1, f"the log ends at {reached.seq}, and once ended at {last}: entries are gone")
    if reached.seq != head.seq or reached.hash != head.hash:
        return Break(reached.seq, f"the log ends at {reached.seq}, but not as its head says")
    return None


def _start(part: AuditPart) -> Head:
    """What the oldest entry has to follow."""
    if part.links and part.links[0].seq > 1 and part.anchor is not None:
        return part.anchor
    # Where all entries have been dropped, the anchor itself has not.
    return Head()


def _moved(part: AuditPart, after: Head) -> Break | None:
    """Whether the entry that was reached is still what it was."""
    if part.before is not None and part.before.hash != after.hash:
        return Break(after.seq, f"entry {after.seq} is not the one that was seen before: the log was rewritten")
    return None


def _follow(start: Head, links: Sequence[Link], known: dict[int, bytes]) -> tuple[Head, int, Break | None]:
    head = start
    for place, link in enumerate(links):
        wrong = _wrong(head, link)
        if wrong is None and known.get(link.seq, link.hash) != link.hash:
            wrong = f"entry {link.seq} is not the one that was written down: the log was rewritten"
        if wrong is not None:
            return head, place, Break(link.seq, wrong)
        head = Head(link.seq, link.hash, link.recorded_at)
    return head, len(links), None


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

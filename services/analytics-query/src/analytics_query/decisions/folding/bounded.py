"""Keeping a bounded part of what comes, the same part in whatever order it comes."""

from bisect import insort
from collections.abc import MutableMapping
from hashlib import blake2b
from typing import Any, Protocol, TypeVar

from analytics_query.domain.documents import Told

OTHER = "other"


class Ordered(Protocol):
    """What has a place in its attempt."""

    seq: int
    event_id: str


OrderedT = TypeVar("OrderedT", bound=Ordered)
ValueT = TypeVar("ValueT")


def told(event: Any) -> Told:
    """An event's whole body, to be kept."""
    data = event.body.to_dict()
    return Told(seq=event.seq, event_id=event.event_id, at=event.occurred_at, evidence=event.evidence.value, data=data)


def is_newer(known: Ordered | None, event: Ordered) -> bool:
    """Whether an event is newer than what is kept, by the attempt's own order."""
    return known is None or (event.seq, event.event_id) > (known.seq, known.event_id)


def hash_of(name: str) -> int:
    """A number that says nothing about the name, by which samples are chosen."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest())


def keep_first(kept: list[OrderedT], new: OrderedT, most: int) -> None:
    """Keep the first `most` by `seq`, in order."""
    insort(kept, new, key=_place)
    del kept[most:]


def keep_sample(kept: list[OrderedT], new: OrderedT, most: int) -> None:
    """Keep `most`, chosen by the hash of their ids, in order of `seq`."""
    insort(kept, new, key=_place)
    if len(kept) > most:
        kept.remove(max(kept, key=_chance))


def admit(names: MutableMapping[str, ValueT], name: str, most: int) -> bool:
    """Whether something is to be kept under this name. Of more than `most` names those with the largest hash are
    dropped for good, with what was kept under them."""
    if name in names or len(names) < most:
        return True
    last = max(names, key=hash_of)
    if hash_of(name) > hash_of(last):
        return False
    del names[last]
    return True


def _place(one: Ordered) -> tuple[int, str]:
    return one.seq, one.event_id


def _chance(one: Ordered) -> int:
    return hash_of(one.event_id)

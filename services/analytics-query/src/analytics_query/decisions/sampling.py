"""Bounded samples that are the same whatever the order in which things come.

What is kept are the names with the smallest digests. As more come, the largest of them only falls: a name that is kept
in the end was never left out before, so that all that is known of it is exact.
"""

from collections.abc import Collection
from hashlib import blake2b
from typing import Any, TypeVar

PlacedT = TypeVar("PlacedT", bound=tuple[Any, ...])

RANGE = 1 << 64


def digest(*parts: str) -> str:
    """16 hexadecimal digits that stand for a name, evenly spread."""
    return blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()


def admitted(sample: dict[str, Any], name: str, limit: int) -> bool:
    """Whether a digest belongs to the smallest `limit` seen so far; what it drives out is taken from the sample."""
    if name in sample or len(sample) < limit:
        return True
    largest = max(sample)
    if name > largest:
        return False
    del sample[largest]
    return True


def population(sample: Collection[str], limit: int) -> int:
    """How many different names there were: exact below the limit, else estimated from the largest digest kept.

    The estimator of Bar-Yossef et al. (2002), unbiased as (k - 1) / h; its standard error is 1 / sqrt(k - 2) of it.
    """
    if len(sample) < limit:
        return len(sample)
    return round((limit - 1) * RANGE / (int(max(sample), 16) + 1))


def keep_newest(sample: dict[Any, Any], limit: int) -> None:
    """Leave the `limit` largest keys, where keys ascend with the attempt."""
    while len(sample) > limit:
        del sample[min(sample)]


def newer(known: PlacedT | None, told: PlacedT) -> PlacedT:
    """The larger of two tuples that begin with their place in the attempt."""
    return told if known is None or told > known else known

"""How fast something may go: buckets that fill with time."""

from dataclasses import dataclass
from enum import StrEnum

LEAST_S = 1e-9
"""A shorter wait is none: it is what rounding leaves."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So much a second on the average, and so much at once after a quiet time."""

    per_s: float
    burst: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """What may be taken at once; below zero, it was overdrawn by one thing larger than what was left."""

    level: float
    at_s: float

    def filled(self, rate: Rate, now_s: float) -> "Bucket":
        """The bucket now."""
        return Bucket(min(rate.burst, self.level + max(0.0, now_s - self.at_s) * rate.per_s), now_s)


@dataclass(frozen=True, slots=True)
class Level:
    """Two buckets that are drawn from together: for things, and for their bytes."""

    things: Bucket
    volume: Bucket


@dataclass(frozen=True, slots=True)
class Rates:
    """How many things, and how many bytes of them."""

    things: Rate
    volume: Rate

    def full(self, now_s: float) -> Level:
        """Nothing was taken yet."""
        return Level(Bucket(self.things.burst, now_s), Bucket(self.volume.burst, now_s))


LAST_WORDS = Rate(per_s=1.0, burst=10.0)
"""An agent that has flooded may say all the same that it has finished."""


class Lane(StrEnum):
    """What is limited apart, so that a flood of the one does not keep out the other."""

    reported = "reported"
    """What agents say and ask through tools."""
    last_word = "last_word"
    """That they have finished."""
    observed = "observed"
    """What is read from their output."""
    objects = "objects"
    """Artifacts and checkpoints."""


@dataclass(frozen=True, slots=True)
class SendLimits:
    """What each attempt may send."""

    events: Rate
    volume: Rate
    object_volume: Rate
    calls_at_once: int

    def of(self, lane: Lane) -> Rates:
        """The limits of one lane."""
        match lane:
            case Lane.objects:
                return Rates(self.events, self.object_volume)
            case Lane.last_word:
                return Rates(LAST_WORDS, self.volume)
            case _:
                return Rates(self.events, self.volume)


def draw(level: Level, rates: Rates, size: int, now_s: float) -> tuple[Level, float]:
    """What is left after one thing of this size is taken, and 0; or the same level, and how long to wait, in s.

    The bytes may be overdrawn: something larger than a burst is taken when the bucket is not empty, and paid for by
    those that come after it. So nothing is too large for ever.
    """
    things, filled = level.things.filled(rates.things, now_s), level.volume.filled(rates.volume, now_s)
    wait_s = max(_until(things, 1, rates.things), _until(filled, min(size, 1), rates.volume))
    if wait_s > LEAST_S:
        return Level(things, filled), wait_s
    return Level(Bucket(things.level - 1, now_s), Bucket(filled.level - size, now_s)), 0.0


def _until(bucket: Bucket, needed: float, rate: Rate) -> float:
    return max(0.0, (needed - bucket.level) / rate.per_s)

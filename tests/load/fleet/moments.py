"""A report that is to be written, and what reports of several kinds have in common."""

import random
from typing import Any, NamedTuple

import orjson

from tests.load.fleet.attempts import Attempt
from tests.load.fleet.shape import DAY_MS, Shape


class Draft(NamedTuple):
    """What a report adds to its envelope."""

    evidence: str
    body: str
    more: str = ""


class Moment(NamedTuple):
    """A report that is to be written."""

    shape: Shape
    attempt: Attempt
    chance: random.Random
    kind: str
    n: int
    at_ms: int

    @property
    def done(self) -> float:
        """The part of the attempt's time that is over."""
        return min(max((self.at_ms - self.attempt.running_ms) / self.attempt.lasted_ms, 0.0), 1.0)

    @property
    def quality(self) -> float:
        """How good the repository is, 0 to 1: each has its own level, and gets better over the month."""
        place = self.shape.repository_names.index(self.attempt.task_class.repository)
        month = (self.at_ms - self.shape.begin_ms) / (self.shape.days * DAY_MS)
        return 0.45 + 0.4 * (place * 7 % 11) / 11 + 0.1 * month


def body_of(evidence: str, **fields: Any) -> Draft:
    return Draft(evidence, orjson.dumps(fields).decode())


def counts_of(total: int, failed: int, chance: random.Random) -> dict[str, Any]:
    skipped = chance.randrange(4)
    return {
        "total": total,
        "passed": total - failed - skipped,
        "failed": failed,
        "skipped": skipped,
        "errors": 0,
        "duration_ms": int(chance.lognormvariate(9.5, 0.5)),
        "exit_code": int(failed > 0),
    }


def cost_of(moment: Moment, sent: int, got: int) -> float:
    worker = moment.attempt.worker
    return round((sent * worker.usd_input + got * worker.usd_output) / 1_000_000, 6)

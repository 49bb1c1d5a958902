"""What a way to compute a figure takes and gives."""

from dataclasses import dataclass
from typing import Protocol

from analytics_query.decisions.statistics.intervals import UNKNOWN, Interval
from analytics_query.domain.rollups import Figures


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What a recipe makes of a roll-up."""

    value: float | None = None
    samples: int = 0
    interval: Interval = UNKNOWN
    evidence: str | None = None


NOTHING = Reckoned()


class Recipe(Protocol):
    """A way to compute a figure."""

    @property
    def formula(self) -> str:
        """The formula, in the names of the metrics."""
        ...

    @property
    def spreads(self) -> tuple[str, ...]:
        """The distributions that it reads."""
        ...

    @property
    def by_evidence(self) -> bool:
        """Whether what it rests on is kept by evidence."""
        ...

    def reckon(self, figures: Figures, hours: float, evidence: str | None = None, *, bare: bool = False) -> Reckoned:
        """The figure of so many hours; with `evidence` from that level alone, `bare` perhaps without its interval."""
        ...

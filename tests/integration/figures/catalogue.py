"""All figures that are computed here, and those that the document defines."""

import re
from typing import NamedTuple

from tests.integration.figures import (
    against,
    coverage,
    errors,
    fleet,
    operations,
    quality,
    resources,
    security,
    tasks,
    testing,
    usage,
    words,
)
from tests.integration.figures.entries import Figure
from tests.support.figures_document import parts

MODULES = (against, coverage, errors, fleet, operations, quality, resources, security, tasks, testing, usage, words)
FIGURES: dict[str, Figure] = {name: figure for module in MODULES for name, figure in module.FIGURES.items()}
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<unit>\w+) \|.*\| (?P<evidence>[^|]+) \| (?P<minimum>\d+) \| [^|]+ \|$")


class Defined(NamedTuple):
    """A figure as the document defines it."""

    unit: str
    evidence: str
    minimum: int

    def level(self, best: str | None) -> str | None:
        """The evidence that is told of it; `best` is that of the values it is made of."""
        if self.evidence.startswith("best of"):
            return best
        return "reported" if self.evidence.startswith("reported") else None


def defined() -> dict[str, Defined]:
    """Every figure of the document."""
    rows = (ROW.match(line) for line in parts()[1].splitlines())
    return {row["name"]: Defined(row["unit"], row["evidence"], int(row["minimum"])) for row in rows if row}

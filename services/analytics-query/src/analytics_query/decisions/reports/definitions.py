"""What a figure is: its unit, which way it gets better, its recipe, and which groups of figures it belongs to."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from analytics_query.decisions.reports.reckoned import Recipe, Reckoned
from analytics_query.domain.rollups import Figures
from contracts.analytics import Direction, Figure
from contracts.events import Evidence

ALL = "all"
MEASURED = ("worker.sampled", "outcome", "all events", "as ")
"""How the sources begin that the platform measures itself, or that have a level of their own."""


@dataclass(frozen=True, slots=True)
class Two:
    """The figures of one entity: of the time asked for, and of the time before, with the hours of both."""

    now: Figures
    before: Figures
    hours: float
    hours_before: float


@dataclass(frozen=True, slots=True)
class Definition:
    """A figure that reports can show."""

    name: str
    unit: str
    recipe: Recipe
    groups: tuple[str, ...]
    """Names of `PerformanceMetric` or `QualityMetric` that ask for it."""
    better: Direction | None = None
    minimum: int = 1
    """Samples that it takes to be told at all."""
    core: bool = False
    """Shown even where there is nothing to compute it from."""
    source: str = ""
    """What kind of reports it rests on; empty: the orchestrator's books."""
    formula: str = ""
    """Where that of the recipe does not say all."""

    @property
    def claimed(self) -> Evidence | None:
        """The level of what is not kept by evidence and yet rests on reports: of the least that is among them."""
        return _claimed(self.source)

    def figure(self, two: Two) -> Figure:
        """The figure of an entity, with the same figure of the time before as its baseline."""
        reckoned = self.recipe.reckon(two.now, two.hours)
        before = self.recipe.reckon(two.before, two.hours_before, reckoned.evidence, bare=True)
        enough = reckoned.samples >= self.minimum
        return figure_of(
            self,
            reckoned if enough else Reckoned(samples=reckoned.samples, evidence=reckoned.evidence),
            before.value if before.samples >= self.minimum else None,
            None if enough or not reckoned.samples else f"fewer than {self.minimum} samples",
        )


def figure_of(
    definition: "Definition | Named", reckoned: Reckoned, baseline: float | None = None, note: str | None = None
) -> Figure:
    """A figure with this value."""
    return Figure(
        name=definition.name,
        value=rounded(reckoned.value),
        unit=definition.unit,
        samples=max(0, reckoned.samples),
        low=rounded(reckoned.interval.low),
        high=rounded(reckoned.interval.high),
        evidence=Evidence(reckoned.evidence) if reckoned.evidence else definition.claimed,
        better=definition.better,
        baseline=rounded(baseline),
        note=note,
    )


@dataclass(frozen=True, slots=True)
class Named:
    """A figure that its report computes from more than one roll-up."""

    name: str
    unit: str
    formula: str
    groups: tuple[str, ...]
    better: Direction | None = None
    minimum: int = 1
    source: str = ""
    by_evidence: bool = False

    @property
    def claimed(self) -> Evidence | None:
        """The level of what is not kept by evidence and yet rests on reports: of the least that is among them."""
        return _claimed(self.source)

    def figure(
        self,
        value: float | None,
        samples: int = 0,
        reckoned: Reckoned | None = None,
        baseline: float | None = None,
        note: str | None = None,
    ) -> Figure:
        """The figure with this value."""
        return figure_of(self, reckoned or Reckoned(value, samples), baseline, note)


def figures_of(definitions: Iterable[Definition], two: Two, wanted: Collection[str]) -> list[Figure]:
    """The figures that are wanted, but for those that nobody asked for by name and that say nothing."""
    made = [(definition, definition.figure(two)) for definition in definitions if is_wanted(definition.groups, wanted)]
    return [
        figure
        for definition, figure in made
        if definition.core or figure.samples or figure.baseline is not None or ALL not in wanted
    ]


def is_wanted(groups: Sequence[str], wanted: Collection[str]) -> bool:
    """Whether a group of figures was asked for."""
    return ALL in wanted or any(group in wanted for group in groups)


def _claimed(source: str) -> Evidence | None:
    return Evidence.reported if source and not source.startswith(MEASURED) else None


def rounded(value: float | None) -> float | None:
    """Six significant digits: more would only seem exact."""
    return None if value is None else float(f"{value:.6g}")

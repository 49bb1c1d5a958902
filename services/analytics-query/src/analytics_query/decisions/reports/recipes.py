"""How a figure is computed from a roll-up: shares, counts, rates, means, quantiles, newest values.

A metric that is written with a final `@` is kept by evidence: the best level that has anything is taken.
"""

from dataclasses import dataclass

from analytics_query.decisions.reports.evident import counted, level_of, names_of, share_of, spread_of
from analytics_query.decisions.reports.reckoned import NOTHING, Reckoned
from analytics_query.decisions.statistics.intervals import UNKNOWN
from analytics_query.decisions.statistics.proportions import wilson
from analytics_query.decisions.statistics.ranked import Ranked
from analytics_query.decisions.statistics.rates import poisson
from analytics_query.domain.rollups import Figures

HOURS_PER = {"per_hour": 1.0, "per_second": 1 / 3600}


@dataclass(frozen=True, slots=True)
class Portion:
    """A share of a whole, in percent, with Wilson's interval."""

    hits: tuple[str, ...]
    of: tuple[str, ...]
    lower_bound: bool = False
    """Whether the lower end of the interval is the figure: few observations make it small."""

    @property
    def formula(self) -> str:
        """The formula, in the names of the metrics."""
        share = f"{_sum(self.hits)} ÷ {_sum(self.of)}"
        return f"100 × lower Wilson bound (95 %) of {share}" if self.lower_bound else f"100 × {share}"

    @property
    def spreads(self) -> tuple[str, ...]:
        """The distributions that it reads."""
        return ()

    @property
    def by_evidence(self) -> bool:
        """Whether what it rests on is kept by evidence."""
        return self.of[0].endswith("@")

    def reckon(self, figures: Figures, hours: float, evidence: str | None = None, *, bare: bool = False) -> Reckoned:
        """The figure of so many hours; with `evidence` from that level alone, `bare` perhaps without its interval."""
        share, level = share_of(figures, self.hits, self.of, evidence)
        interval = UNKNOWN if bare and not self.lower_bound else wilson(share).scaled(100)
        value = None if share.value is None else 100 * share.value
        return Reckoned(interval.low if self.lower_bound else value, share.of, interval, level)


@dataclass(frozen=True, slots=True)
class Used:
    """A part of an amount, in percent: amounts are no observations, so that there is no interval."""

    part: str
    amount: str
    samples: str
    """The distribution with one value for each observation."""

    @property
    def formula(self) -> str:
        """The formula, in the names of the metrics."""
        return f"100 × {_named(self.part)} ÷ {_named(self.amount)}"

    @property
    def spreads(self) -> tuple[str, ...]:
        """The distributions that it reads."""
        return (self.samples,)

    @property
    def by_evidence(self) -> bool:
        """Whether what it rests on is kept by evidence."""
        return self.amount.endswith("@")

    def reckon(self, figures: Figures, hours: float, evidence: str | None = None, *, bare: bool = False) -> Reckoned:
        """The figure of so many hours; with `evidence` from that level alone, `bare` perhaps without its interval."""
        level = evidence or level_of(figures, (self.amount,))
        amount = counted(figures, (self.amount,), level)
        if amount <= 0:
            return NOTHING
        samples = spread_of(figures, self.samples, level)[0].count
        return Reckoned(100 * counted(figures, (self.part,), level) / amount, max(1, samples), evidence=level)


@dataclass(frozen=True, slots=True)
class Total:
    """A sum of counts."""

    metrics: tuple[str, ...]
    scale: float = 1.0
    samples: str = ""
    """The distribution with one value for each observation, where what is summed up are amounts."""
    of: str = ""
    """The count of observations: its level of evidence is that of the sum, which may well be zero."""

    @property
    def formula(self) -> str:
        """The formula, in the names of the metrics."""
        return _sum(self.metrics) + ("" if self.scale == 1 else f" × {self.scale:g}")

    @property
    def spreads(self) -> tuple[str, ...]:
        """The distributions that it reads."""
        return (self.samples,) if self.samples else ()

    @property
    def by_evidence(self) -> bool:
        """Whether what it rests on is kept by evidence."""
        return self.metrics[0].endswith("@")

    def reckon(self, figures: Figures, hours: float, evidence: str | None = None, *, bare: bool = False) -> Reckoned:
        """The figure of so many hours; with `evidence` from that level alone, `bare` perhaps without its interval."""
        level = evidence or level_of(figures, (self.of,) if self.of else self.metrics)
        count = counted(figures, self.metrics, level)
        of = counted(figures, (self.of,), level) if self.of else 0
        samples = spread_of(figures, self.samples, level)[0].count if self.samples else of or count
        return Reckoned(count * self.scale, max(1, samples), evidence=level) if count or of else NOTHING


@dataclass(frozen=True, slots=True)
class Rate:
    """How often in a unit of time, with Byar's interval of a Poisson count."""

    metrics: tuple[str, ...]
    unit: str = "per_hour"

    @property
    def formula(self) -> str:
        """The formula, in the names of the metrics."""
        return f"{_sum(self.metrics)} ÷ {'hours' if self.unit == 'per_hour' else 'seconds'} that have passed"

    @property
    def spreads(self) -> tuple[str, ...]:
        """The distributions that it reads."""
        return ()

    @property
    def by_evidence(self) -> bool:
        """Whether what it rests on is kept by evidence."""
        return False

    def reckon(self, figures: Figures, hours: float, evidence: str | None = None, *, bare: bool = False) -> Reckoned:
        """The figure of so many hours; with `evidence` from that level alone, `bare` perhaps without its interval."""
        if hours <= 0:
            return NOTHING
        count = counted(figures, self.metrics, None)
        scale = HOURS_PER[self.unit] / hours
        return Reckoned(count * scale, count, UNKNOWN if bare else poisson(count).scaled(scale))


@dataclass(frozen=True, slots=True)
class Mean:
    """The exact mean of a distribution."""

    metric: str
    scale: float = 1.0

    @property
    def formula(self) -> str:
        """The formula, in the names of the metrics."""
        return f"mean of {_named(self.metric)}"

    @property
    def spreads(self) -> tuple[str, ...]:
        """The distributions that it reads."""
        return (self.metric,)

    @property
    def by_evidence(self) -> bool:
        """Whether what it rests on is kept by evidence."""
        return self.metric.endswith("@")

    def reckon(self, figures: Figures, hours: float, evidence: str | None = None, *, bare: bool = False) -> Reckoned:
        """The figure of so many hours; with `evidence` from that level alone, `bare` perhaps without its interval."""
        spread, level = spread_of(figures, self.metric, evidence)
        mean = spread.mean
        if mean is None:
            return NOTHING
        interval = UNKNOWN if bare else Ranked.of(spread).mean_interval(mean).scaled(self.scale)
        return Reckoned(mean * self.scale, spread.count, interval, level)


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of a distribution, with its interval by order statistics."""

    metric: str
    q: float

    @property
    def formula(self) -> str:
        """The formula, in the names of the metrics."""
        return f"{self.q:g} quantile of {_named(self.metric)} (DDSketch, ± 1 %)"

    @property
    def spreads(self) -> tuple[str, ...]:
        """The distributions that it reads."""
        return (self.metric,)

    @property
    def by_evidence(self) -> bool:
        """Whether what it rests on is kept by evidence."""
        return self.metric.endswith("@")

    def reckon(self, figures: Figures, hours: float, evidence: str | None = None, *, bare: bool = False) -> Reckoned:
        """The figure of so many hours; with `evidence` from that level alone, `bare` perhaps without its interval."""
        spread, level = spread_of(figures, self.metric, evidence)
        ranked = Ranked.of(spread)
        value = ranked.quantile(self.q)
        if value is None:
            return NOTHING
        return Reckoned(value, ranked.count, UNKNOWN if bare else ranked.quantile_interval(self.q), level)


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest value of something."""

    metric: str

    @property
    def formula(self) -> str:
        """The formula, in the names of the metrics."""
        return f"newest {_named(self.metric)}"

    @property
    def spreads(self) -> tuple[str, ...]:
        """The distributions that it reads."""
        return ()

    @property
    def by_evidence(self) -> bool:
        """Whether what it rests on is kept by evidence."""
        return self.metric.endswith("@")

    def reckon(self, figures: Figures, hours: float, evidence: str | None = None, *, bare: bool = False) -> Reckoned:
        """The figure of so many hours; with `evidence` from that level alone, `bare` perhaps without its interval."""
        levels = names_of(self.metric, evidence)
        found = [(figures.lasts[name], level) for name, level in levels if name in figures.lasts]
        return Reckoned(found[0][0].value, 1, evidence=found[0][1]) if found else NOTHING


@dataclass(frozen=True, slots=True)
class Per:
    """A count or sum for each of something else."""

    metrics: tuple[str, ...]
    of: str
    scale: float = 1.0

    @property
    def formula(self) -> str:
        """The formula, in the names of the metrics."""
        return f"{_sum(self.metrics)} ÷ {_named(self.of)}" + ("" if self.scale == 1 else f" × {self.scale:g}")

    @property
    def spreads(self) -> tuple[str, ...]:
        """The distributions that it reads."""
        return ()

    @property
    def by_evidence(self) -> bool:
        """Whether what it rests on is kept by evidence."""
        return self.metrics[0].endswith("@")

    def reckon(self, figures: Figures, hours: float, evidence: str | None = None, *, bare: bool = False) -> Reckoned:
        """The figure of so many hours; with `evidence` from that level alone, `bare` perhaps without its interval."""
        of = figures.counts.get(self.of, 0)
        level = evidence or level_of(figures, self.metrics)
        if not of or (self.by_evidence and level is None):
            return NOTHING
        count = counted(figures, self.metrics, level)
        interval = UNKNOWN if bare or self.scale < 1 else poisson(count).scaled(self.scale / of)
        return Reckoned(count / of * self.scale, of, interval, level)


def _named(metric: str) -> str:
    return f"`{metric.removesuffix('@')}`"


def _sum(metrics: tuple[str, ...]) -> str:
    names = " + ".join(map(_named, metrics))
    return f"({names})" if len(metrics) > 1 else names

"""The few figures of quality that `/metrics` shows: of the whole by evidence, and of agents. Reports say more."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from analytics_query.decisions.reports.evident import LEVELS
from analytics_query.decisions.reports.recipes import Mean, Portion, Total
from analytics_query.decisions.reports.reckoned import Recipe
from analytics_query.domain.rollups import Figures

PERCENT = 0.01
BY_EVIDENCE: tuple[tuple[str, Recipe, float], ...] = (
    ("line_coverage_ratio", Mean("line_coverage@"), PERCENT),
    ("test_pass_ratio", Portion(("tests_passed@",), ("tests_passed@", "tests_failed@")), PERCENT),
    ("tests_run", Total(("tests_run@",)), 1.0),
    ("maintainability_index", Mean("maintainability@"), 1.0),
)
OF_AGENTS: tuple[tuple[str, Recipe, float], ...] = (
    ("claims_agreed_ratio", Portion(("claims_agreed",), ("claims",)), PERCENT),
    ("verification_pass_ratio", Portion(("verified_passed",), ("verified_passed", "verified_failed")), PERCENT),
)
OF_TASKS: tuple[tuple[str, Recipe, float], ...] = (
    ("task_success_ratio", Portion(("tasks_completed",), ("tasks_finished",)), PERCENT),
)


class Exposed(NamedTuple):
    """A figure, its labels beside the window, and its value."""

    figure: str
    labels: Mapping[str, str]
    value: float


def exposed(window: str, whole: Figures, agents: Mapping[str, Figures]) -> list[Exposed]:
    """What is known of a window; what nobody has measured is left out, since it is not 0."""
    shown = list(_reckoned(OF_TASKS, whole, {"window": window}))
    for level in LEVELS:
        shown += _reckoned(BY_EVIDENCE, whole, {"window": window, "evidence": level}, level)
    for agent, figures in agents.items():
        shown += _reckoned(OF_AGENTS, figures, {"window": window, "agent": agent})
    return shown


def _reckoned(
    recipes: Iterable[tuple[str, Recipe, float]], figures: Figures, labels: Mapping[str, str], level: str | None = None
) -> Iterable[Exposed]:
    for name, recipe, scale in recipes:
        reckoned = recipe.reckon(figures, 1.0, level)
        if reckoned.value is not None and reckoned.samples:
            yield Exposed(name, labels, reckoned.value * scale)

"""Figures that are told against what was before: of single tasks, and the performance score."""

from collections.abc import Iterator

import numpy as np

from tests.integration.figures.entries import BINNED, NOTHING, Entry, Expected, Figure, Window, entries
from tests.integration.figures.tasks import ended_attempts, phase_times
from tests.integration.figures.world import Attempt, Scope, World

LEAST_HISTORY_MS = 7 * 86_400_000
MINIMUM = 8


def history_of(window: Window) -> Window:
    """As long before, and seven days at least."""
    length = max(window.until - window.since, LEAST_HISTORY_MS)
    return Window(window.since - length, window.since)


def completed_ms(world: World) -> Iterator[Entry]:
    """How long attempts took that completed."""
    return (Entry(at, attempt.groups, attempt.lasted or 0) for attempt, at in ended_attempts(world, "completed"))


def _apdex(times: np.ndarray, pace: float) -> float:
    satisfied, tolerated = np.mean(times <= pace), np.mean(times <= 4 * pace)
    return float(100 * (satisfied + (tolerated - satisfied) / 2))


def performance_score(world: World, scope: Scope, window: Window, _evidence: str | None) -> Expected:
    """Apdex with the 0.9 quantile of the history as its target; bins leave open who is just within it."""
    times = np.array([one.value for one in entries(world, completed_ms, scope, window)])
    before = [one.value for one in entries(world, completed_ms, scope, history_of(window))]
    if min(len(times), len(before)) < MINIMUM:
        return Expected(None, len(times))
    pace = float(np.quantile(before, 0.9, method="lower"))
    least, most = (_apdex(times, pace * (1 + by)) for by in (-2 * BINNED, 2 * BINNED))
    return Expected(_apdex(times, pace), len(times), least=least, most=most)


def _named(world: World, scope: Scope) -> Attempt | None:
    """The attempt that a row of a report on single tasks is of."""
    named = (one for one in world.attempts if scope in one.groups or scope[1].startswith(_own(one)))
    return next(named, None)


def _own(attempt: Attempt) -> str:
    return f"{attempt.task_id}/{attempt.number} "


def attempt_time(world: World, scope: Scope, _window: Window, _evidence: str | None) -> Expected:
    """From running to the end."""
    attempt = _named(world, scope)
    return NOTHING if attempt is None or attempt.lasted is None else Expected(attempt.lasted, 1)


def class_percentile(world: World, scope: Scope, window: Window, _evidence: str | None) -> Expected:
    """The share of completed attempts of its class that took no longer; bins leave open those that are close."""
    attempt = _named(world, scope)
    if attempt is None or attempt.lasted is None:
        return NOTHING
    both = Window(history_of(window).since, window.until)
    usual = np.array([one.value for one in entries(world, completed_ms, ("task_class", attempt.task_class), both)])
    if len(usual) < MINIMUM:
        return NOTHING
    least, most = (float(100 * np.mean(usual <= attempt.lasted * (1 + by))) for by in (-2 * BINNED, 2 * BINNED))
    return Expected(float(100 * np.mean(usual <= attempt.lasted)), len(usual), least=least, most=most)


def phase_time(world: World, scope: Scope, window: Window, _evidence: str | None) -> Expected:
    """How long a phase of an attempt took."""
    found = entries(world, phase_times, scope, Window(0, float("inf")))
    return Expected(found[0].value, 1) if found else NOTHING


def phase_usual(world: World, scope: Scope, window: Window, _evidence: str | None) -> Expected:
    """The median of the same phase of its class."""
    attempt = _named(world, scope)
    if attempt is None:
        return NOTHING
    both, phase = Window(history_of(window).since, window.until), scope[1].removeprefix(_own(attempt))
    told = [one.value for one in entries(world, phase_times, ("phase", f"{attempt.task_class} / {phase}"), both)]
    return Expected(float(np.median(told)), len(told), accuracy=BINNED) if told else NOTHING


FIGURES: dict[str, Figure] = {
    "performance_score": performance_score,
    "attempt_execution_time": attempt_time,
    "class_percentile": class_percentile,
    "attempt_phase_time": phase_time,
    "phase_usual": phase_usual,
}

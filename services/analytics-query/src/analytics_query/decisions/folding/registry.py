"""All that the modules of this folder offer, by kind of event."""

from collections import defaultdict
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from analytics_query.decisions.folding import (
    bugs,
    choices,
    coverage,
    errors,
    fleet,
    latest,
    lifecycle,
    milestones,
    operations,
    outcome,
    progress,
    quality,
    questions,
    resources,
    security,
    tasks,
    tests,
    usage,
)
from analytics_query.decisions.folding.tables import Credit, Direct, Fold, TaskCredit, TaskFold
from contracts.decided import DecidedKind

MODULES: tuple[ModuleType, ...] = (
    bugs,
    choices,
    coverage,
    errors,
    fleet,
    latest,
    lifecycle,
    milestones,
    operations,
    outcome,
    progress,
    quality,
    questions,
    resources,
    security,
    tasks,
    tests,
    usage,
)


def _by_kind(table: str) -> dict[str, tuple[Any, ...]]:
    found: defaultdict[str, tuple[Any, ...]] = defaultdict(tuple)
    for module in MODULES:
        for kind, function in getattr(module, table, {}).items():
            found[str(kind)] += (function,)
    return dict(found)


def _credits_on(kind: str) -> Iterable[Credit]:
    # Which groups an attempt counts for is told by the orchestrator and by its outcome: for every module.
    tells_groups = kind == "outcome" or kind in set(DecidedKind)
    for module in MODULES:
        folding = (module, *getattr(module, "READS", ()))
        if tells_groups or any(kind in getattr(one, "FOLDS", {}) for one in folding):
            yield from getattr(module, "CREDITS", ())


def _all(table: str) -> Iterable[Any]:
    return (function for module in MODULES for function in getattr(module, table, ()))


FOLDS: dict[str, tuple[Fold, ...]] = _by_kind("FOLDS")
TASK_FOLDS: dict[str, tuple[TaskFold, ...]] = _by_kind("TASK_FOLDS")
DIRECT: dict[str, tuple[Direct, ...]] = _by_kind("DIRECT")
CREDITS: tuple[Credit, ...] = tuple(_all("CREDITS"))
CREDITS_ON: dict[str, tuple[Credit, ...]] = {kind: tuple(_credits_on(kind)) for kind in FOLDS}
"""By kind, what may amount to something else once it is folded."""
TASK_CREDITS: tuple[TaskCredit, ...] = tuple(_all("TASK_CREDITS"))

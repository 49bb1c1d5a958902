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


def _all(table: str) -> Iterable[Any]:
    return (function for module in MODULES for function in getattr(module, table, ()))


FOLDS: dict[str, tuple[Fold, ...]] = _by_kind("FOLDS")
TASK_FOLDS: dict[str, tuple[TaskFold, ...]] = _by_kind("TASK_FOLDS")
DIRECT: dict[str, tuple[Direct, ...]] = _by_kind("DIRECT")
CREDITS: tuple[Credit, ...] = tuple(_all("CREDITS"))
TASK_CREDITS: tuple[TaskCredit, ...] = tuple(_all("TASK_CREDITS"))

"""Amounts in words: `2 GB`, `+512 MB`, `to 4 GB`, `30 minutes`, `64 processes`. What is not plain is not guessed at."""

import re
from enum import Enum
from math import ceil
from typing import NamedTuple, TypeVar

from contracts.questions import RequestedResource
from worker_agent.domain import Target

Meaning = TypeVar("Meaning")


class Form(Enum):
    """Whether an amount is what comes on top, what there should be in all, or the one that makes it more."""

    more = "more"
    total = "total"
    either = "either"


class Measure(Enum):
    """What a figure counts: MB, ms, or things."""

    size = "size"
    time = "time"
    number = "number"


class Amount(NamedTuple):
    """So much of a limit or quota, in its own unit."""

    target: Target
    figure: int
    form: Form = Form.either


TOKEN = re.compile(r"[+=]|\d{1,12}(?:\.\d{1,6})?|[a-z_]+|\S")
UNITS: dict[str, tuple[Measure, float]] = {
    **dict.fromkeys(("kb", "kib"), (Measure.size, 1 / 1024)),
    **dict.fromkeys(("mb", "mib", "megabyte", "megabytes"), (Measure.size, 1.0)),
    **dict.fromkeys(("gb", "gib", "gigabyte", "gigabytes"), (Measure.size, 1024.0)),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), (Measure.time, 1.0)),
    **dict.fromkeys(("s", "sec", "second", "seconds"), (Measure.time, 1_000.0)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), (Measure.time, 60_000.0)),
    **dict.fromkeys(("h", "hour", "hours"), (Measure.time, 3_600_000.0)),
}
NAMES: dict[str, Target] = {
    **{target.value: target for target in Target},
    **dict.fromkeys(("memory", "ram"), Target.memory_mb),
    **dict.fromkeys(("run", "runtime", "wall"), Target.run_ms),
    "cpu": Target.cpu_ms,
    "process": Target.processes,
    "disk": Target.disk_mb,
    "output": Target.output_mb,
    **dict.fromkeys(("artifact", "artifacts"), Target.artifact_mb),
    "question": Target.questions,
}
FORMS = {
    **dict.fromkeys(("+", "more", "additional", "extra", "another"), Form.more),
    **dict.fromkeys(("=", "to", "total"), Form.total),
}
FILLERS = frozenset({"of", "the", "a", "an", "in", "up", "time", "limit", "space", "storage", "quota", "for"})
MEASURES = {
    target: Measure.time if target.endswith("_ms") else Measure.size if target.endswith("_mb") else Measure.number
    for target in Target
}
USUAL = {
    RequestedResource.compute: {
        Measure.size: Target.memory_mb,
        Measure.time: Target.run_ms,
        Measure.number: Target.memory_mb,
    },
    RequestedResource.storage: {Measure.size: Target.disk_mb, Measure.number: Target.disk_mb},
    RequestedResource.api_quota: {Measure.size: Target.artifact_mb},
}
"""What is meant when only an amount is given; a bare number is in MB."""
OF_RESOURCE = {
    RequestedResource.compute: {Target.memory_mb, Target.run_ms, Target.cpu_ms, Target.processes},
    RequestedResource.storage: {Target.disk_mb, Target.output_mb},
    RequestedResource.api_quota: {Target.artifact_mb, Target.questions},
}


def amount_of(resource: RequestedResource, text: str) -> Amount | None:
    """What a text asks for; None when there is any word in it that is not understood."""
    tokens = TOKEN.findall(text.lower())
    figures = [float(token) for token in tokens if token[0].isdigit()]
    words = [token for token in tokens if not token[0].isdigit()]
    if len(figures) != 1 or any(not _is_known(word) for word in words):
        return None
    units, names, forms = _all(words, UNITS), _all(words, NAMES), _all(words, FORMS)
    if len(units) > 1 or len(names) > 1 or len(forms) > 1:
        return None
    measure, scale = next(iter(units)) if units else (Measure.number, 1.0)
    target = _target(resource, next(iter(names), None), measure, words)
    if target is None:
        return None
    return Amount(target, max(1, ceil(figures[0] * scale)), next(iter(forms), Form.either))


def _target(resource: RequestedResource, named: Target | None, measure: Measure, words: list[str]) -> Target | None:
    target = named or USUAL.get(resource, {}).get(measure)
    if target is None or target not in OF_RESOURCE.get(resource, ()):
        return None
    # A number without a unit is in the target's own; of a time it is said only where its name says ms.
    fits = measure is MEASURES[target]
    bare = measure is Measure.number and (MEASURES[target] is not Measure.time or target.value in words)
    return target if fits or bare else None


def _is_known(word: str) -> bool:
    return word in UNITS or word in NAMES or word in FORMS or word in FILLERS


def _all(words: list[str], table: dict[str, Meaning]) -> set[Meaning]:
    return {table[word] for word in words if word in table}

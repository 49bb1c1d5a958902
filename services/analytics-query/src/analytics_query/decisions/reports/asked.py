"""What was asked for, in one form however it was written: equal questions have equal keys."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from analytics_query.decisions.reports.definitions import ALL
from analytics_query.decisions.reports.words import listed
from analytics_query.decisions.time_ranges import TimeRange
from analytics_query.errors import InvalidInput
from contracts.analytics import EntityType, ReportType

TASKS_AT_MOST = 50
ENTITIES_AT_MOST = 100
COMPARED = (EntityType.worker, EntityType.repository, EntityType.agent, EntityType.model, EntityType.task)
"""What can be compared; where a name is of several, the first that all share."""


class Asked(NamedTuple):
    """A question for a report."""

    report: str
    period: TimeRange
    entity_type: EntityType = EntityType.system
    entity_ids: tuple[str, ...] = ()
    wanted: tuple[str, ...] = (ALL,)
    analytics_types: tuple[str, ...] = ()
    limit: int = 20
    report_type: ReportType | None = None
    more: tuple[tuple[str, Any], ...] = ()
    """Parameters that only one report has."""

    @property
    def key(self) -> str:
        """The same for the same question about the same stretch of time."""
        ends = (self.period.since.isoformat(), self.period.until.isoformat())
        return orjson.dumps([*self[:1], self.period.name, ends, *self[2:]]).decode()


def wanted_of(metrics: Sequence[str]) -> tuple[str, ...]:
    """Groups of figures in one order; none are all."""
    return tuple(sorted(set(metrics))) if metrics and ALL not in metrics else (ALL,)


def check_entities(field: str, entity_type: EntityType, entity_ids: Sequence[str]) -> tuple[str, ...]:
    """The ids, each once. Raises InvalidInput where they do not fit what the report is about."""
    ids = tuple(dict.fromkeys(entity_ids))
    if entity_type is EntityType.system and ids:
        others = [kind.value for kind in EntityType if kind is not EntityType.system]
        raise InvalidInput(
            "entity_id", f"{field} system has no ids; leave them out, or say what they are", others, ids[0][:100]
        )
    if entity_type is EntityType.task and not ids:
        raise InvalidInput("entity_id", f"{field} task needs the id of a task, or several")
    most = TASKS_AT_MOST if entity_type is EntityType.task else ENTITIES_AT_MOST
    if len(ids) > most:
        raise InvalidInput("entity_id", f"{len(ids)} ids are more than {most}; ask for them in several reports")
    return ids


def kind_of(ids: Sequence[str], known: Mapping[str, Collection[EntityType]]) -> EntityType:
    """What all of these are, by what is known of each. Raises InvalidInput where that is not one thing."""
    unknown = [name for name in ids if not known.get(name)]
    if unknown:
        raise _not_of_one_kind(f"nothing is known of {listed([name[:100] for name in unknown])}", unknown[0])
    common = [kind for kind in COMPARED if all(kind in known[name] for name in ids)]
    if not common:
        each = [f"{name[:100]} ({'/'.join(kind for kind in COMPARED if kind in known[name])})" for name in ids]
        raise _not_of_one_kind(f"they are of different kinds: {listed(each)}", ids[0])
    if common[0] is EntityType.task:
        check_entities("report_type", EntityType.task, ids)
    return common[0]


def _not_of_one_kind(why: str, shown: str) -> InvalidInput:
    kinds = [kind.value for kind in COMPARED]
    message = f"{why}; report_type comparative takes entity_ids that are all of one kind: {', '.join(kinds)}"
    return InvalidInput("entity_id", message, kinds, shown[:100])

"""Single things, to read: groups of errors, decisions, reported figures, claims that did not hold."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from analytics_query.decisions.reports.decisions import KnownDecision
from analytics_query.decisions.reports.error_groups import Affected, KnownGroup, worse_than
from analytics_query.domain.rollups import COUNTS
from analytics_query.domain.vocabulary import Dimension, Resolution, bucket_of
from analytics_query.ports import DecisionsAsked, Disagreement, GroupsAsked, Reported
from analytics_query.store.kept import KeptAnswers
from contracts.events.recovery import Severity
from servicekit.pg import Database

GROUPS = """
    SELECT known.fingerprint, error_type, severity, message, place, first_seen, last_seen, known.count, {of_filter},
        {of_others}
    FROM error_groups AS known {joins}
    WHERE last_seen >= $1 AND first_seen < $2 {conditions}
    ORDER BY known.count DESC, known.fingerprint LIMIT {limit}
"""
# A group stands under its worst severity, and may have others beside; OFFSET 0 keeps this to one look at an index.
OF_SEVERITIES = f"""
    (severity = ANY ({{}}) OR severity = ANY ({{}}) AND EXISTS (
        SELECT FROM rollups WHERE dimension = '{Dimension.error}' AND entity = known.fingerprint
            AND resolution = '{Resolution.day}' AND bucket >= {{}} AND bucket < {{}}
            AND figures -> '{COUNTS}' ?| {{}}
        OFFSET 0
    ))
"""
WORKERS = """
    SELECT fingerprint, worker_id, count FROM error_workers WHERE fingerprint = ANY ($1)
    ORDER BY fingerprint, count DESC, worker_id
"""
TASKS = "SELECT fingerprint, count(*) FROM error_tasks WHERE fingerprint = ANY ($1) GROUP BY fingerprint"
DECISIONS = """
    SELECT event_id::text, made.task_id, made.attempt, made.worker_id, decision_type, decided_at, seq, body,
        known.document -> 'lifecycle' ->> 'end' AS outcome
    FROM decisions AS made
    LEFT JOIN attempts AS known ON known.task_id = made.task_id AND known.attempt = made.attempt
        AND known.worker_id = made.worker_id
    WHERE decided_at >= $1 AND decided_at < $2 {conditions}
    ORDER BY decided_at DESC, event_id DESC LIMIT {limit}
"""
DECISIONS_OF = """
    SELECT event_id::text, task_id, attempt, worker_id, decision_type, decided_at, seq, body
    FROM decisions WHERE task_id = ANY ($1) LIMIT $2
"""
NEWEST_OF_SOURCES = """
    SELECT newest.* FROM unnest($1::text[]) AS source (id)
    CROSS JOIN unnest($2::text[]) AS kind (name)
    CROSS JOIN LATERAL (
        SELECT analytics_type, source_id, data, timestamp, evidence FROM analytics
        WHERE source_type = $3 AND source_id = source.id AND analytics_type = kind.name
            AND timestamp >= $4 AND timestamp < $5
        ORDER BY timestamp DESC, event_id DESC LIMIT 1
    ) AS newest
"""
# Only the newest rows are looked at: a type that was not reported for long would else be searched for in all.
NEWEST = """
    SELECT DISTINCT ON (analytics_type) analytics_type, source_id, data, timestamp, evidence FROM (
        SELECT analytics_type, source_id, data, timestamp, evidence, event_id FROM analytics
        WHERE timestamp >= $1 AND timestamp < $2 ORDER BY timestamp DESC LIMIT 1000
    ) AS newest ORDER BY analytics_type, timestamp DESC, event_id DESC
"""
# The order and the condition are those of the index attempts_disagreements.
DISAGREEMENTS = """
    SELECT task_id, attempt, worker_id, document -> 'outcome' -> 'data' -> 'discrepancies' AS sentences FROM attempts
    WHERE document -> 'outcome' -> 'data' -> 'discrepancies' -> 0 IS NOT NULL
        AND document -> 'outcome' ->> 'at' >= $1 AND document -> 'outcome' ->> 'at' < $2 {conditions}
    ORDER BY document -> 'outcome' ->> 'at' DESC LIMIT {limit}
"""
TYPES = ["performance", "quality", "resource", "code", "test", "security", "dependency"]


class PostgresRecords:
    """Single things in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._affected = KeptAnswers[Affected]()

    async def groups(self, asked: GroupsAsked, limit: int) -> list[KnownGroup]:
        """Groups of errors, those that were seen most often (ever) first."""
        of = Conditions([asked.since, asked.until])
        of.add("error_type = {}", asked.error_type)
        if asked.severities:
            days = (bucket_of(asked.since, Resolution.day), asked.until)
            metrics = [f"errors:{severity}" for severity in asked.severities]
            of.add(OF_SEVERITIES, [*asked.severities], worse_than(asked.severities), *days, metrics)
        joins, counts = "", []
        for table, column, value in (
            ("error_workers", "worker_id", asked.worker_id),
            ("error_tasks", "task_id", asked.task_id),
        ):
            if value is not None:
                joins += f" JOIN {table} USING (fingerprint)"
                counts.append(f"{table}.count")
                of.add(f"{table}.{column} = {{}}", value)
        of_filter = f"least({', '.join(counts)})" if counts else "NULL::bigint"
        of_others = " + ".join(f"known.count - {one}" for one in counts) or "0::bigint"
        statement = GROUPS.format(
            of_filter=of_filter, of_others=of_others, joins=joins, conditions=of.text, limit=int(limit)
        )
        async with self._database.acquire() as connection:
            found = await connection.fetch(statement, *of.values)
        return [
            KnownGroup(fingerprint, error_type, Severity(severity), *others)
            for fingerprint, error_type, severity, *others in found
        ]

    async def affected(self, fingerprints: Sequence[str], position: int | None = None) -> Affected:
        """Whom these groups of errors have hit, ever; what was found at the same position is not looked up again."""
        asked = tuple(fingerprints)
        found = self._affected.known(asked, position)
        if found is None:
            found = await self._hit(asked)
            self._affected.keep(asked, found, position)
        return found

    async def _hit(self, fingerprints: Sequence[str]) -> Affected:
        async with self._database.acquire() as connection:
            by_worker = await connection.fetch(WORKERS, fingerprints)
            by_task = await connection.fetch(TASKS, fingerprints)
        workers: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        for fingerprint, worker_id, count in by_worker:
            workers[fingerprint].append((worker_id, count))
        return Affected(dict(workers), dict(map(tuple, by_task)))

    async def decisions(
        self, asked: DecisionsAsked, after: tuple[datetime, str] | None, limit: int
    ) -> list[KnownDecision]:
        """Decisions with the outcome of their attempts, newest first; those after a place in that order."""
        of = Conditions([asked.since, asked.until])
        of.add("made.task_id = {}", asked.task_id)
        of.add("decision_type = {}", asked.decision_type)
        if after is not None:
            of.add("(decided_at, event_id) < ({}, {}::uuid)", *after)
        statement = DECISIONS.format(conditions=of.text, limit=int(limit))
        async with self._database.acquire() as connection:
            found = await connection.fetch(statement, *of.values)
        return [KnownDecision(*row) for row in found]

    async def decisions_of(self, task_ids: Sequence[str], limit: int) -> list[KnownDecision]:
        """Decisions of these tasks, in any order."""
        async with self._database.acquire() as connection:
            found = await connection.fetch(DECISIONS_OF, task_ids, limit)
        return [KnownDecision(**dict(row), outcome=None) for row in found]

    async def reported(
        self, source_type: str | None, sources: Sequence[str], since: datetime, until: datetime
    ) -> list[Reported]:
        """The newest figures of each type, and of each source if sources are given."""
        async with self._database.acquire() as connection:
            if source_type is None:
                found = await connection.fetch(NEWEST, since, until)
            else:
                found = await connection.fetch(NEWEST_OF_SOURCES, sources, TYPES, source_type, since, until)
        return [Reported(*row) for row in found]

    async def disagreements(
        self, worker_id: str | None, since: datetime, until: datetime, limit: int
    ) -> list[Disagreement]:
        """The latest attempts whose claims did not hold, newest first."""
        # Times are compared as text, in the one form in which documents have them.
        of = Conditions([orjson.loads(orjson.dumps(at, option=orjson.OPT_UTC_Z)) for at in (since, until)])
        of.add("worker_id = {}", worker_id)
        statement = DISAGREEMENTS.format(conditions=of.text, limit=int(limit))
        async with self._database.acquire() as connection:
            found = await connection.fetch(statement, *of.values)
        return [Disagreement(*row) for row in found]


class Conditions:
    """Conditions of a statement that are there or not, with the values of its parameters."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values
        self.text = ""

    def add(self, condition: str, *values: Any) -> None:
        """Another condition, unless its value is None; `{}` stands for the parameters."""
        if values == (None,):
            return
        places = [f"${len(self.values) + place}" for place in range(1, len(values) + 1)]
        self.text += f" AND {condition.format(*places)}"
        self.values += values

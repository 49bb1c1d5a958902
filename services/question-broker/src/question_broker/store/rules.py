"""SQL of rules, and of what they have answered."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg

from contracts.rules import DryRunHit, DryRunRequest, Rule, RuleState
from question_broker.decisions.rules.trying import Hit, beside
from question_broker.domain import Question
from question_broker.store.rows import columns, read_question
from servicekit.pg import Connection, Database

COLUMNS = (
    "rule_id",
    "name",
    "description",
    "position",
    "state",
    "conditions",
    "action",
    "version",
    "tested_version",
    "created_by",
    "created_at",
    "updated_at",
)
CHANGING = (
    "name",
    "description",
    "position",
    "state",
    "conditions",
    "action",
    "version",
    "tested_version",
    "updated_at",
)
ADD = f"""
    INSERT INTO rules ({", ".join(COLUMNS)}) VALUES ({", ".join(f"${at}" for at in range(1, len(COLUMNS) + 1))})
"""
SAVE = f"""
    UPDATE rules SET {", ".join(f"{name} = ${at}" for at, name in enumerate(CHANGING, start=2))} WHERE rule_id = $1
"""
IN_FORCE = "SELECT * FROM rules WHERE state <> 'disabled' ORDER BY position, rule_id"
GET = "SELECT * FROM rules WHERE rule_id = $1"
LOCK = f"{GET} FOR NO KEY UPDATE"
# Two who make the last rule at the same time must not both succeed.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('rules of ' || current_schema(), 0))"
COUNT = "SELECT count(*) FROM rules"
PAGE = """
    SELECT * FROM rules
    WHERE ($1::text IS NULL OR state = $1) AND ($2::int IS NULL OR (position, rule_id) > ($2, $3))
    ORDER BY position, rule_id LIMIT $4
"""
DELETE = "DELETE FROM rules WHERE rule_id = $1 RETURNING rule_id"
# Rules are held in one order, so that two transactions with hits of the same rules do not wait for each other.
RECORD = """
    WITH held AS (
        SELECT rule_id FROM rules WHERE rule_id = ANY($1::text[]) ORDER BY rule_id FOR NO KEY UPDATE
    ), new AS (
        INSERT INTO rule_hits (rule_id, question_id, version, state, answer, decision, hit_at)
        SELECT hit.*, $7::timestamptz
        FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::jsonb[])
            AS hit (rule_id, question_id, version, state, answer, decision)
        JOIN held USING (rule_id)
        ON CONFLICT (rule_id, question_id) DO NOTHING
        RETURNING rule_id, version, state
    ), counted AS (
        SELECT rule_id, count(*) FILTER (WHERE state = 'dry_run') AS dry,
            count(*) FILTER (WHERE state = 'active') AS hits,
            max(version) FILTER (WHERE state = 'dry_run') AS tested
        FROM new GROUP BY rule_id
    )
    UPDATE rules SET dry_run_hits = dry_run_hits + dry, hits = rules.hits + counted.hits, last_hit_at = $7,
        tested_version = GREATEST(tested_version, tested)
    FROM counted WHERE rules.rule_id = counted.rule_id
"""
HITS = ("rule_id", "question_id", "version", "state", "answer", "decision")
HITS_PAGE = """
    SELECT questions.*, rule_hits.hit_at, rule_hits.answer AS would_answer, rule_hits.decision AS would_decide
    FROM rule_hits JOIN questions USING (question_id)
    WHERE rule_hits.rule_id = $1 AND ($2::timestamptz IS NULL OR (hit_at, question_id) < ($2, $3))
    ORDER BY hit_at DESC, question_id DESC LIMIT $4
"""
PAST = """
    SELECT * FROM questions
    WHERE ($1::timestamptz IS NULL OR asked_at >= $1) AND ($2::timestamptz IS NULL OR asked_at < $2)
    ORDER BY asked_at DESC, question_id DESC LIMIT $3
"""
LEARN = """
    INSERT INTO task_repositories (task_id, repository)
    SELECT * FROM unnest($1::text[], $2::text[]) AS said (task_id, repository) ORDER BY task_id
    ON CONFLICT (task_id) DO NOTHING RETURNING task_id
"""
REPOSITORIES = "SELECT task_id, repository FROM task_repositories WHERE task_id = ANY($1::text[])"


class RuleStatements:
    """Part of a transaction: rules that are tried, and where tasks work."""

    connection: Connection

    async def rules_in_force(self) -> list[Rule]:
        """Rules that answer or are on dry-run, in their order."""
        return [_rule(row) for row in await self.connection.fetch(IN_FORCE)]

    async def record_hits(self, hits: Sequence[Hit], now: datetime) -> None:
        """Keep what rules have answered or would have, and count it."""
        if hits:
            await self.connection.execute(RECORD, *columns(hits, HITS), now)

    async def learn_repositories(self, repositories: Mapping[str, str]) -> list[str]:
        """Keep on which repositories tasks work; returns the tasks of which it was not known."""
        rows = await self.connection.fetch(LEARN, list(repositories), list(repositories.values()))
        return [row["task_id"] for row in rows]

    async def repositories(self, task_ids: Sequence[str]) -> dict[str, str]:
        """On which repositories tasks work, as far as it is known."""
        return dict(await self.connection.fetch(REPOSITORIES, list(task_ids)))


class PostgresRuleWrites:
    """Rules inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def count(self) -> int:
        """How many rules there are; until the end of the transaction nobody else makes one."""
        await self._connection.execute(ONE_AT_A_TIME)
        return await self._connection.fetchval(COUNT) or 0

    async def add(self, rule: Rule) -> None:
        """Add a rule."""
        values = _values(rule)
        await self._connection.execute(ADD, *(values[name] for name in COLUMNS))

    async def lock(self, rule_id: str) -> Rule | None:
        """A rule, held until the end of the transaction."""
        row = await self._connection.fetchrow(LOCK, rule_id)
        return _rule(row) if row else None

    async def save(self, rule: Rule) -> None:
        """Save a rule that has changed."""
        values = _values(rule)
        await self._connection.execute(SAVE, rule.rule_id, *(values[name] for name in CHANGING))

    async def delete(self, rule_id: str) -> bool:
        """Delete a rule and its hits; what it has answered stays answered. False: there was none."""
        return await self._connection.fetchval(DELETE, rule_id) is not None


class PostgresRules:
    """All rules, in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[PostgresRuleWrites]:
        """Everything in the block, or nothing."""
        async with self._database.transaction() as connection:
            yield PostgresRuleWrites(connection)

    async def page(self, state: RuleState | None, after: tuple[int, str] | None, limit: int) -> list[Rule]:
        """At most `limit` rules in their order, beyond the given (position, rule_id)."""
        position, rule_id = after or (None, None)
        async with self._database.acquire() as connection:
            return [_rule(row) for row in await connection.fetch(PAGE, state, position, rule_id, limit)]

    async def get(self, rule_id: str) -> Rule | None:
        """One rule."""
        async with self._database.acquire() as connection:
            row = await connection.fetchrow(GET, rule_id)
        return _rule(row) if row else None

    async def hits(
        self, rule_id: str, after: tuple[datetime, str] | None, limit: int
    ) -> list[tuple[datetime, DryRunHit]]:
        """What a rule has answered or would have, newest first, beyond the given (hit_at, question_id)."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(HITS_PAGE, rule_id, *(after or (None, None)), limit)
        return [
            (row["hit_at"], beside(read_question(row), row["would_answer"], row["would_decide"] or None))
            for row in rows
        ]

    async def past(self, wanted: DryRunRequest) -> tuple[list[Question], dict[str, str]]:
        """Past questions, newest first, and the repositories of their tasks."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(PAST, wanted.since, wanted.until, wanted.limit)
            questions = [read_question(row) for row in rows]
            tasks = sorted({one.task_id for one in questions if one.task_id})
            return questions, dict(await connection.fetch(REPOSITORIES, tasks))


def _values(rule: Rule) -> dict[str, Any]:
    given = {name: getattr(rule, name, None) for name in COLUMNS}
    # A version that was tested stays so; GREATEST in RECORD can only raise it meanwhile, for the row is held.
    tested = rule.version if rule.is_tested else 0
    return given | {"conditions": rule.when.to_dict(), "action": rule.then.to_dict(), "tested_version": tested}


def _rule(row: asyncpg.Record) -> Rule:
    known = dict(row)
    is_tested = known["tested_version"] == known["version"]
    return Rule.model_validate(known | {"when": known["conditions"], "then": known["action"], "is_tested": is_tested})

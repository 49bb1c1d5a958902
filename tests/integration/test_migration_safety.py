"""Every revision of every service leaves the version before it working: its real statements, against the rules."""

from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from analytics_query import app as analytics
from mcp_gateway import app as gateway
from orchestrator import app as orchestrator
from question_broker import app as questions
from servicekit.migrations import run_migrations
from telemetry_ingest import app as telemetry
from tests.support.migration_rules import findings
from tests.support.schema import settings_of
from tests.support.stack import Database

APPS = {app.SCHEMA: app for app in (analytics, gateway, orchestrator, questions, telemetry)}
BOOK = "alembic_version"
NEVER_RELEASED = "no version that uses it was ever released"
SMALL = "it ran before the first release, when there were no large tables"
SUITS_BOTH = "what it refuses, the version before does not do either; it is made within the time limit for locks"
# Each for a reason that is a fact. What is new belongs into an expand step instead: docs/migrations.md says how.
ALLOWED = {
    ("analytics", "0002", "drop of a table", "task_facts"): NEVER_RELEASED,
    ("analytics", "0002", "index without CONCURRENTLY", "analytics"): SMALL,
    ("analytics", "0003", "index without CONCURRENTLY", "attempts"): SMALL,
    ("orchestrator", "0004", "trigger on a table in use", "tasks"): SUITS_BOTH,
    ("orchestrator", "0004", "trigger on a table in use", "attempts"): SUITS_BOTH,
    ("questions", "0006", "index without CONCURRENTLY", "learnings"): SMALL,
    ("questions", "0003", "column whose values are written into every row", "questions"): SMALL,
    ("questions", "0003", "index without CONCURRENTLY", "questions"): SMALL,
}


@contextmanager
def executed() -> Generator[dict[str, list[str]]]:
    """The statements that migrations execute meanwhile, by the revision that they are of."""
    by_revision: dict[str, list[str]] = defaultdict(list)
    waiting: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        # Alembic writes the revision down behind its last statement.
        if BOOK in statement and statement.lstrip().upper().startswith(("INSERT", "UPDATE")):
            by_revision[revision_in(statement, parameters)] += waiting
            waiting.clear()
        elif BOOK not in statement:
            waiting.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield by_revision
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert not waiting


def revision_in(statement: str, parameters: Any) -> str:
    values = list(parameters.values()) if isinstance(parameters, dict) else list(parameters)
    return str(values[0]) if values else statement.split("'")[1]


@pytest.mark.parametrize("schema", APPS)
async def test_no_revision_does_what_the_version_before_may_not_survive(database: Database, schema: str) -> None:
    with executed() as by_revision:
        head = await run_migrations(APPS[schema].MIGRATIONS, schema, settings_of(database, schema))
    assert head in by_revision
    assert len(by_revision["0001"]) > 0
    found = {(schema, revision, *one) for revision, said in by_revision.items() for one in findings(said)}
    allowed = {key for key in ALLOWED if key[0] == schema}
    assert found - allowed == set()
    assert allowed - found == set(), "no longer needed on the list"


async def test_the_owner_waits_for_locks_no_longer_than_it_is_told(database: Database) -> None:
    settings = settings_of(database, orchestrator.SCHEMA, migration_lock_timeout_ms=1_234)
    told: list[str] = []

    def note(connection: Any, *_: Any) -> None:
        if not told:
            cursor = connection.connection.cursor()
            cursor.execute("SHOW lock_timeout")
            told.append(cursor.fetchone()[0])
            cursor.close()

    event.listen(Engine, "before_execute", note)
    try:
        await run_migrations(orchestrator.MIGRATIONS, orchestrator.SCHEMA, settings)
    finally:
        event.remove(Engine, "before_execute", note)
    assert told == ["1234ms"]

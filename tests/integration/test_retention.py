"""What each service forgets, and that it forgets nothing else: on its real schema, with rows of all ages."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from analytics_query import app as analytics
from analytics_query.store import policies as analytics_policies
from orchestrator import app as orchestrator
from orchestrator.store import policies as orchestrator_policies
from question_broker import app as questions
from question_broker.store import policies as question_policies
from servicekit.ids import first_id
from servicekit.metrics import REGISTRY
from servicekit.migrations import run_migrations
from servicekit.pg import Connection
from servicekit.pg import Database as Pg
from servicekit.retention import Policy, Retention, dead_letter_policies
from servicekit.settings import ServiceSettings
from telemetry_ingest import app as telemetry
from telemetry_ingest.store import policies as telemetry_policies
from tests.support.buskit import running
from tests.support.schema import settings_of
from tests.support.stack import Database
from tests.support.waiting import eventually

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAYS = 30


class Stopped:
    """A clock that a test has set."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


OLD, YOUNG = ago(DAYS + 1), ago(DAYS - 1)


@asynccontextmanager
async def schema(database: Database, package: str, name: str) -> AsyncGenerator[Pg]:
    await run_migrations(package, name, settings_of(database, name))
    db = await Pg.connect(settings_of(database, name), name)
    try:
        yield db
    finally:
        await db.close()


async def forget(db: Pg, policies: Sequence[Policy]) -> dict[str, int]:
    """Apply policies in slices of two; how much each removed."""
    retention = Retention(db, Stopped(), "retention-test", policies, 1_000, rows_at_once=2)
    before = {policy.what: removed(policy.what) for policy in policies}
    for policy in retention.policies:
        assert await retention.apply(policy) == removed(policy.what) - before[policy.what]
        assert await retention.apply(policy) == 0
    counts = {policy.what: int(removed(policy.what) - before[policy.what]) for policy in policies}
    return {what: count for what, count in counts.items() if count}


def removed(what: str) -> float:
    labels = {"mews_service": "retention-test", "what": what}
    return REGISTRY.get_sample_value("mews_retention_removed_total", labels) or 0.0


async def column(db: Pg, query: str) -> list[Any]:
    return [row[0] for row in await db.pool.fetch(query)]


async def add(db: Pg | Connection, table: str, **values: Any) -> None:
    names, places = ", ".join(values), ", ".join(f"${place}" for place in range(1, len(values) + 1))
    into = db.pool if isinstance(db, Pg) else db
    await into.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", *values.values())


async def task(
    db: Pg, number: int, status: str, created: datetime, ended: datetime | None, parent: str | None = None
) -> str:
    """A task of the orchestrator with one attempt, and its id."""
    task_id = first_id("task", created)[:-1] + str(number)
    async with db.transaction() as together:
        await add(
            together, "tasks", task_id=task_id, description=str(number), status=status, priority="low", attempt=1,
            created_at=created, completed_at=ended, requirements={}, max_attempts=1, body_hash="", demand_key="d",
            work_key="w", rank_at=created, parent_task_id=parent,
        )  # fmt: skip
        await add(
            together, "attempts", task_id=task_id, attempt=1, worker_id="w1", state="completed" if ended else "running",
            epoch=1, assigned_at=created, ended_at=ended,
        )  # fmt: skip
    return task_id


async def a_worker(db: Pg) -> None:
    await add(
        db, "workers", worker_id="w1", worker_type="t", hostname="h", status="online", capabilities=[],
        system_info={}, incarnation="i", tags=[], slots_total=3, registered_at=OLD, version="1",
    )  # fmt: skip


async def test_the_orchestrator_forgets_ended_tasks_that_no_live_task_belongs_to(database: Database) -> None:
    async with schema(database, orchestrator.MIGRATIONS, orchestrator.SCHEMA) as db:
        await a_worker(db)
        for number in range(5):
            await task(db, number, ["completed", "failed", "cancelled", "timed_out"][number % 4], OLD, OLD)
        kept = [
            await task(db, 5, "running", OLD, None),
            await task(db, 6, "completed", OLD, YOUNG),
            await task(db, 7, "completed", YOUNG, YOUNG),
        ]
        asker = await task(db, 8, "completed", OLD, OLD)
        helped = await task(db, 9, "completed", OLD - timedelta(days=1), OLD, parent=kept[0])
        kept += [asker, helped, await task(db, 1, "waiting", OLD + timedelta(hours=1), None, parent=asker)]
        for key, at in (("old", OLD), ("young", YOUNG)):
            await add(db, "experience", worker_id="w1", work_key=key, last_at=at)
        assert await forget(db, orchestrator_policies(DAYS, DAYS, 0)) == {"tasks": 5, "experience": 1}
        assert sorted(await column(db, "SELECT task_id FROM tasks")) == sorted(kept)
        assert sorted(await column(db, "SELECT task_id FROM attempts")) == sorted(kept)
        assert await column(db, "SELECT work_key FROM experience") == ["young"]


async def test_a_task_that_is_retried_at_this_moment_stays(database: Database) -> None:
    async with schema(database, orchestrator.MIGRATIONS, orchestrator.SCHEMA) as db:
        await a_worker(db)
        retried = await task(db, 1, "failed", OLD, OLD)
        await task(db, 2, "failed", OLD, OLD)
        async with db.transaction() as retrying:
            await retrying.execute("UPDATE tasks SET status = 'queued' WHERE task_id = $1", retried)
            assert await forget(db, orchestrator_policies(DAYS, 0, 0)) == {"tasks": 1}
        assert await column(db, "SELECT task_id FROM tasks") == [retried]
        assert await forget(db, orchestrator_policies(DAYS, 0, 0)) == {}


async def test_telemetry_forgets_attempts_of_which_nobody_speaks_any_more(database: Database) -> None:
    async with schema(database, telemetry.MIGRATIONS, telemetry.SCHEMA) as db:
        for name, at in (("a", OLD), ("b", OLD), ("c", OLD), ("d", YOUNG)):
            await add(db, "task_attempts", task_id=name, attempt=1, worker_id="w", noted_at=at)
        assert await forget(db, telemetry_policies(DAYS, 0)) == {"task_attempts": 3}
        assert await column(db, "SELECT task_id FROM task_attempts") == ["d"]


@pytest.mark.parametrize(("log_days", "kept"), [(0, ["long", "longer", "new"]), (1, ["long", "new"])])
async def test_marks_of_batches_outlast_the_log_and_those_of_projections(
    database: Database, log_days: int, kept: list[str]
) -> None:
    marks = {"new": 0, "long": 1 + 30 + 5, "longer": 1 + 60 + 5}
    async with schema(database, telemetry.MIGRATIONS, telemetry.SCHEMA) as db:
        for name, days in marks.items():
            await add(db, "applied_batches", consumer="c", producer=name, updated_at=ago(days))
        await forget(db, telemetry_policies(0, log_days))
        assert sorted(await column(db, "SELECT producer FROM applied_batches")) == kept
    async with schema(database, analytics.MIGRATIONS, analytics.SCHEMA) as db:
        for name, days in marks.items():
            await add(db, "applied_batches", consumer="c", producer=name, updated_at=ago(days))
        await forget(db, analytics_policies(0, log_days))
        left = set(await column(db, "SELECT producer FROM applied_batches"))
        assert left == (set(marks) if not log_days else {"new"})
        assert left <= set(kept)


async def question(db: Pg, question_id: str, asked: datetime, state: str = "answered", task_id: str = "t") -> None:
    await add(
        db, "questions", question_id=question_id, kind="question", state=state, worker_id="w", task_id=task_id,
        question="q", question_type="technical", options=[], priority="low", asked_at=asked,
        answered_at=None if state == "open" else asked,
    )  # fmt: skip


async def test_the_broker_forgets_closed_questions_and_their_books_but_nothing_an_open_one_needs(
    database: Database,
) -> None:
    async with schema(database, questions.MIGRATIONS, questions.SCHEMA) as db:
        for number in range(3):
            await question(db, f"q-old-{number}", OLD)
        await question(db, "q-young", YOUNG)
        await question(db, "q-open", OLD, "open", task_id="asks")
        await add(
            db, "rules", rule_id="r", name="n", position=1, state="active", conditions={}, action={}, version=1,
            tested_version=1, created_by="m", created_at=OLD, updated_at=OLD,
        )  # fmt: skip
        for name, at in (("old", OLD), ("young", YOUNG)):
            await add(db, "rule_hits", rule_id="r", question_id=name, version=1, state="active", answer="a", hit_at=at)
            await add(db, "task_repositories", task_id=name, repository="r", noted_at=at)
            await add(db, "closed_attempts", task_id=name, attempt=1, noted_at=at)
            await add(db, "held_responses", event_id=name, question_id=name, event={}, held_at=at)
            await escalation(db, name, "sent", at)
            await add(
                db, "learnings", learning_id=name, fingerprint=name, title="t", content="c", tags=[], worker_id="w",
                times_shared=1, shared_at=at,
            )  # fmt: skip
        await add(db, "task_repositories", task_id="asks", repository="r", noted_at=OLD)
        await add(db, "closed_attempts", task_id="asks", attempt=1, noted_at=OLD)
        await add(db, "held_responses", event_id="early", question_id="q-open", event={}, held_at=OLD)
        await escalation(db, "q-open", "sent", OLD)
        await escalation(db, "pending", "pending", OLD)
        assert await forget(db, question_policies(DAYS, DAYS, DAYS, 0)) == {
            "questions": 3,
            "rule_hits": 1,
            "escalations": 1,
            "task_repositories": 1,
            "closed_attempts": 1,
            "held_responses": 1,
            "learnings": 1,
        }
        assert set(await column(db, "SELECT question_id FROM questions")) == {"q-young", "q-open"}
        assert set(await column(db, "SELECT question_id FROM escalations")) == {"young", "q-open", "pending"}
        for table in ("task_repositories", "closed_attempts"):
            assert set(await column(db, f"SELECT task_id FROM {table}")) == {"young", "asks"}
        assert set(await column(db, "SELECT event_id FROM held_responses")) == {"young", "early"}
        assert await column(db, "SELECT learning_id FROM learnings") == ["young"]


async def escalation(db: Pg, question_id: str, state: str, at: datetime) -> None:
    await add(
        db, "escalations", escalation_id=f"e-{question_id}", question_id=question_id, priority="low", state=state,
        payload=b"", attempts=1, created_at=at,
    )  # fmt: skip


ENDED = {"ending": [OLD.isoformat(), "e", "completed"]}


async def document(db: Pg, task_id: str, updated: datetime, about: dict[str, Any]) -> None:
    await add(
        db, "attempts", task_id=task_id, attempt=1, worker_id="w", document={}, events={"progress": 1},
        updated_at=updated,
    )  # fmt: skip
    await add(db, "tasks", task_id=task_id, document=about)
    await add(db, "current_attempts", task_id=task_id, attempt=1, worker_id="w")


async def test_analytics_forgets_documents_of_ended_tasks_and_single_things(database: Database) -> None:
    async with schema(database, analytics.MIGRATIONS, analytics.SCHEMA) as db:
        prefix = first_id("task", OLD)[:-1]
        retried = ENDED | {"retried_at": (OLD + timedelta(hours=1)).isoformat()}
        for number in range(3):
            await document(db, f"{prefix}{number}", OLD, ENDED)
        await document(db, f"{prefix}7", YOUNG, ENDED)
        await document(db, f"{prefix}8", OLD, retried)
        await document(db, f"{prefix}9", OLD, {"attempt": 1})
        for number, at in enumerate((OLD, YOUNG)):
            event = f"00000000-0000-7000-8000-00000000000{number}"
            await add(
                db, "analytics", analytics_type="a", source_type="task", source_id=str(number), data={}, timestamp=at,
                event_id=event, worker_id="w", evidence="reported",
            )  # fmt: skip
            await add(
                db, "decisions", event_id=event, worker_id="w", decision_type="d", decided_at=at, seq=1, body={}
            )  # fmt: skip
            fingerprint = str(number)
            await add(
                db, "error_groups", fingerprint=fingerprint, error_type="e", severity="low", message="m", place="p",
                first_event_id=event, first_seen=OLD, last_seen=at, count=1,
            )  # fmt: skip
            await add(db, "error_workers", fingerprint=fingerprint, worker_id="w", count=1)
            await add(db, "error_tasks", fingerprint=fingerprint, task_id="t", count=1)
        [position] = await column(db, "SELECT position FROM projection")
        assert await forget(db, analytics_policies(DAYS, 0)) == {
            "attempts": 3,
            "tasks": 3,
            "analytics": 1,
            "decisions": 1,
            "errors": 1,
        }
        kept = [f"{prefix}{number}" for number in (7, 8, 9)]
        for table in ("attempts", "tasks", "current_attempts"):
            assert sorted(await column(db, f"SELECT task_id FROM {table}")) == kept
        for table in ("error_groups", "error_workers", "error_tasks"):
            assert await column(db, f"SELECT fingerprint FROM {table}") == ["1"]
        assert await column(db, "SELECT source_id FROM analytics") == ["1"]
        assert len(await column(db, "SELECT event_id FROM decisions")) == 1
        # What is in the memory of whoever projects is no longer what is there.
        assert (await column(db, "SELECT position FROM projection"))[0] > position


SETTINGS = ServiceSettings(dead_letter_retention_days=DAYS, dead_letter_open_retention_days=10 * DAYS)


async def letter(db: Pg, reason: str, recorded: datetime, **more: Any) -> None:
    given = {"stream": "S", "subject": "s", "payload": b"", "reason": reason, "headers": {}, "recorded_at": recorded}
    await add(db, "dead_letter", **(given | {"delivery": f"d:{reason}"} | more))


async def test_dead_letters_stay_until_somebody_has_seen_to_them_and_a_while_longer(database: Database) -> None:
    async with schema(database, telemetry.MIGRATIONS, telemetry.SCHEMA) as db:
        await letter(db, "retried", OLD, state="retried", settled_at=OLD, durable="d")
        await letter(db, "dropped", OLD, state="dropped", settled_at=OLD, durable="d")
        await letter(db, "lately retried", OLD, state="retried", settled_at=YOUNG, durable="d")
        await letter(db, "open", OLD, durable="d")
        await letter(db, "heartbeat", OLD, delivery=None)
        await letter(db, "young heartbeat", YOUNG, delivery=None)
        await letter(db, "forgotten", ago(10 * DAYS + 1), durable="d")
        assert await forget(db, dead_letter_policies(SETTINGS)) == {
            "dead_letters": 2,
            "dead_letters_core": 1,
            "dead_letters_open": 1,
        }
        left = await column(db, "SELECT reason FROM dead_letter ORDER BY reason")
        assert left == ["lately retried", "open", "young heartbeat"]


async def test_nothing_is_removed_where_all_is_kept_for_ever(database: Database) -> None:
    async with schema(database, telemetry.MIGRATIONS, telemetry.SCHEMA) as db:
        await add(db, "task_attempts", task_id="a", attempt=1, worker_id="w", noted_at=ago(10_000))
        await letter(db, "open", ago(10_000), durable="d")
        retention = Retention(
            db, Stopped(), "retention-test", [*telemetry_policies(0, 0), *dead_letter_policies(ServiceSettings())], 10
        )
        assert [policy.what for policy in retention.policies] == ["dead_letters", "dead_letters_core"]


async def test_one_replica_removes_while_another_leaves_it_to_it(database: Database) -> None:
    async with schema(database, telemetry.MIGRATIONS, telemetry.SCHEMA) as db:
        await add(db, "task_attempts", task_id="a", attempt=1, worker_id="w", noted_at=OLD)
        [policy] = [one for one in telemetry_policies(DAYS, 0) if one.days]
        retention = Retention(db, Stopped(), "retention-test", [policy], 1_000)
        async with db.transaction() as other:
            assert await other.fetchval(
                "SELECT pg_try_advisory_xact_lock(hashtextextended('retention of ' || current_schema(), 0))"
            )
            assert await retention.apply(policy) == 0
        assert await retention.apply(policy) == 1


async def test_the_loop_goes_on_after_the_database_was_away(database: Database) -> None:
    async with schema(database, telemetry.MIGRATIONS, telemetry.SCHEMA) as db:
        failures = [asyncpg.CannotConnectNowError("starting up"), OSError("away")]

        async def remove(*_: object) -> int:
            if failures:
                raise failures.pop()
            rounds.append(1)
            return 0

        rounds: list[int] = []
        retention = Retention(db, Stopped(), "retention-test", [Policy("x", 1, remove)], 1)
        async with running(retention.run()):
            await eventually(lambda: len(rounds) > 1)

"""The tables of this schema. The first ten columns of `tasks` and nine of `workers` are the reference's."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

NAMES = MetaData(naming_convention={"pk": "%(table_name)s_pkey", "ck": "%(constraint_name)s"})
ID = String(255, collation="C")
MOMENT = DateTime(timezone=True)
TASK_STATES = ["queued", "assigned", "running", "paused", "waiting", "completed", "failed", "cancelled", "timed_out"]
ATTEMPT_STATES = ["assigned", "running", "completed", "failed", "cancelled", "timed_out", "lost", "refused"]
FLEET_ACTIONS = ["restart", "remove"]
FAILURE_CLASSES = ["retryable", "permanent", "poison"]
WORKER_STATES = ["online", "paused", "draining", "offline"]
HOT = {"fillfactor": "80", "autovacuum_vacuum_scale_factor": "0.02", "autovacuum_analyze_scale_factor": "0.05"}
LIVE = text("state IN ('assigned', 'running')")


def one_of(column: str, values: list[str]) -> str:
    """A condition that holds a column to known values."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


WHOLE_ORDER = """
    CASE WHEN order_key = 'size' THEN num_nulls(version, size_before, size_after) = 0
    ELSE num_nulls(worker_id, instance) = 0 AND num_nonnulls(version, size_before, size_after) = 0 END
"""
KNOWN_CLASS = f"failure_class IS NULL OR {one_of('failure_class', FAILURE_CLASSES)}"


class Base(SQLModel):
    """What gives this schema's tables their own metadata."""

    metadata = NAMES


class TaskRow(Base, table=True):
    """A task. `rank_at` orders the queue; `demand_key` is the line in which it waits."""

    __tablename__ = "tasks"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        CheckConstraint(one_of("status", TASK_STATES), name="tasks_status_known"),
        CheckConstraint("priority IN ('critical', 'high', 'medium', 'low')", name="tasks_priority_known"),
        CheckConstraint("attempt >= 0 AND burned >= 0 AND refusals >= 0", name="tasks_counts_not_negative"),
        CheckConstraint("max_attempts >= 1 AND burned <= max_attempts", name="tasks_budget_kept"),
        CheckConstraint(KNOWN_CLASS, name="tasks_failure_class_known"),
        CheckConstraint("crashes >= 0", name="tasks_crashes_not_negative"),
        Index(
            "tasks_idempotency_key",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
        Index("tasks_queue", "demand_key", "rank_at", "task_id", postgresql_where=text("status = 'queued'")),
        Index(
            "tasks_queue_until",
            "queue_until",
            postgresql_where=text("status = 'queued' AND queue_until IS NOT NULL"),
        ),
        Index("tasks_in_quarantine", "task_id", postgresql_where=text("failure_class = 'poison'")),
        Index("tasks_not_completed", "status", "task_id", postgresql_where=text("status <> 'completed'")),
        Index("tasks_by_worker", "assigned_worker", "task_id", postgresql_where=text("assigned_worker IS NOT NULL")),
        Index("tasks_by_parent", "parent_task_id", "task_id", postgresql_where=text("parent_task_id IS NOT NULL")),
        {"postgresql_with": HOT},
    )

    task_id: str = Field(sa_column=Column(ID, primary_key=True))
    description: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(sa_column=Column(String(50), nullable=False))
    priority: str = Field(sa_column=Column(String(20), nullable=False))
    assigned_worker: str | None = Field(sa_column=Column(ID))
    created_at: datetime = Field(sa_column=Column(MOMENT, nullable=False))
    started_at: datetime | None = Field(sa_column=Column(MOMENT))
    completed_at: datetime | None = Field(sa_column=Column(MOMENT))
    execution_time_ms: int | None = Field(sa_column=Column(Integer))
    analytics: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    worker_id: str | None = Field(sa_column=Column(ID))
    requirements: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    estimated_duration_ms: int | None = Field(sa_column=Column(BigInteger))
    attempt: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    max_attempts: int = Field(sa_column=Column(Integer, nullable=False))
    burned: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    refusals: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    idempotency_key: str | None = Field(sa_column=Column(String(255)))
    body_hash: str = Field(sa_column=Column(String(24), nullable=False))
    demand_key: str = Field(sa_column=Column(String(24, collation="C"), nullable=False))
    work_key: str = Field(sa_column=Column(String(24, collation="C"), nullable=False))
    rank_at: datetime = Field(sa_column=Column(MOMENT, nullable=False))
    next_attempt_at: datetime | None = Field(sa_column=Column(MOMENT))
    reason: str | None = Field(sa_column=Column(Text))
    progress: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    claim: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    open_questions: list[str] = Field(
        sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'::text[]"))
    )
    avoid_worker: str | None = Field(sa_column=Column(ID))
    parent_task_id: str | None = Field(sa_column=Column(ID))
    collaboration: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    failure_class: str | None = Field(sa_column=Column(String(20)))
    crashes: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    queue_until: datetime | None = Field(sa_column=Column(MOMENT))
    traceparent: str | None = Field(sa_column=Column(String(55)))


class WorkerRow(Base, table=True):
    """A worker. `told`: paused or draining by order, whatever its heartbeats say; `former`: incarnations replaced."""

    __tablename__ = "workers"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        CheckConstraint(one_of("status", WORKER_STATES), name="workers_status_known"),
        CheckConstraint("told IS NULL OR told IN ('paused', 'draining')", name="workers_told_known"),
        CheckConstraint("slots_total >= 0", name="workers_slots_not_negative"),
        CheckConstraint("tasks_completed >= 0 AND tasks_failed >= 0", name="workers_counts_not_negative"),
    )

    worker_id: str = Field(sa_column=Column(ID, primary_key=True))
    worker_type: str = Field(sa_column=Column(String(50), nullable=False))
    hostname: str = Field(sa_column=Column(String(255), nullable=False))
    status: str = Field(sa_column=Column(String(50), nullable=False))
    capabilities: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    system_info: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    last_heartbeat: datetime | None = Field(sa_column=Column(MOMENT))
    tasks_completed: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    tasks_failed: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    incarnation: str = Field(sa_column=Column(String(255), nullable=False))
    former: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")))
    tags: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    slots_total: int = Field(sa_column=Column(Integer, nullable=False))
    told: str | None = Field(sa_column=Column(String(20)))
    cpu_percent: float | None = Field(sa_column=Column(Double))
    memory_mb: float | None = Field(sa_column=Column(Double))
    round_trip_ms: float | None = Field(sa_column=Column(Double))
    registered_at: datetime = Field(sa_column=Column(MOMENT, nullable=False))
    version: str = Field(sa_column=Column(String(255), nullable=False))
    reason: str | None = Field(sa_column=Column(Text))


class AttemptRow(Base, table=True):
    """One attempt of a task on a worker; a task has one that is live while it is so itself, and no other (triggers)."""

    __tablename__ = "attempts"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        CheckConstraint(one_of("state", ATTEMPT_STATES), name="attempts_state_known"),
        CheckConstraint("attempt >= 1", name="attempts_attempt_positive"),
        CheckConstraint("(state IN ('assigned', 'running')) = (ended_at IS NULL)", name="attempts_live_until_ended"),
        CheckConstraint(KNOWN_CLASS, name="attempts_failure_class_known"),
        CheckConstraint("crashes >= 0", name="attempts_crashes_not_negative"),
        Index("attempts_one_live", "task_id", unique=True, postgresql_where=LIVE),
        Index("attempts_live_by_worker", "worker_id", "task_id", "attempt", postgresql_where=LIVE),
        {"postgresql_with": HOT},
    )

    task_id: str = Field(sa_column=Column(ID, ForeignKey("tasks.task_id", name="attempts_task"), primary_key=True))
    attempt: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    worker_id: str = Field(
        sa_column=Column(ID, ForeignKey("workers.worker_id", name="attempts_worker"), nullable=False)
    )
    state: str = Field(sa_column=Column(String(20), nullable=False))
    epoch: int = Field(sa_column=Column(BigInteger, nullable=False))
    assigned_at: datetime = Field(sa_column=Column(MOMENT, nullable=False))
    published_at: datetime | None = Field(sa_column=Column(MOMENT))
    started_at: datetime | None = Field(sa_column=Column(MOMENT))
    ended_at: datetime | None = Field(sa_column=Column(MOMENT))
    reason: str | None = Field(sa_column=Column(Text))
    stale_reported: bool = Field(sa_column_kwargs={"server_default": text("false")}, default=False)
    failure_class: str | None = Field(sa_column=Column(String(20)))
    crashes: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    resumed_at: datetime | None = Field(sa_column=Column(MOMENT))
    traceparent: str | None = Field(sa_column=Column(String(55)))


class ExperienceRow(Base, table=True):
    """How a worker did on one kind of work; `mean_ms` is an exponential average of what completed."""

    __tablename__ = "experience"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        CheckConstraint("completed >= 0 AND failed >= 0", name="experience_counts_not_negative"),
        Index("experience_last_at", "last_at"),
    )

    worker_id: str = Field(
        sa_column=Column(ID, ForeignKey("workers.worker_id", name="experience_worker"), primary_key=True)
    )
    work_key: str = Field(sa_column=Column(String(24, collation="C"), primary_key=True))
    completed: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    failed: int = Field(sa_column=Column(Integer, nullable=False, server_default="0"))
    mean_ms: float = Field(sa_column=Column(Double, nullable=False, server_default="0"))
    last_at: datetime = Field(sa_column=Column(MOMENT, nullable=False))


class FleetIntentionRow(Base, table=True):
    """What is to become of the instance of a worker; `instance` is what is to end, once that is known."""

    __tablename__ = "fleet_intentions"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (CheckConstraint(one_of("action", FLEET_ACTIONS), name="fleet_intentions_action_known"),)

    worker_id: str = Field(sa_column=Column(ID, primary_key=True))
    action: str = Field(sa_column=Column(String(20), nullable=False))
    instance: str | None = Field(sa_column=Column(String(255)))
    asked_at: datetime = Field(sa_column=Column(MOMENT, nullable=False))
    asked_by: str = Field(sa_column=Column(String(255), nullable=False))
    until: datetime | None = Field(sa_column=Column(MOMENT))
    told: str | None = Field(sa_column=Column(String(20)))
    reason: str | None = Field(sa_column=Column(Text))


class FleetOrderRow(Base, table=True):
    """What the leader has asked of whoever runs the fleet, and not told of yet: the end of an instance, or a size."""

    __tablename__ = "fleet_orders"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (CheckConstraint(WHOLE_ORDER, name="fleet_orders_whole"),)

    order_key: str = Field(sa_column=Column(ID, primary_key=True))
    ordered_at: datetime = Field(sa_column=Column(MOMENT, nullable=False))
    ordered_by: str = Field(sa_column=Column(String(255), nullable=False))
    reason: str | None = Field(sa_column=Column(Text))
    worker_id: str | None = Field(sa_column=Column(ID))
    instance: str | None = Field(sa_column=Column(String(255)))
    version: str | None = Field(sa_column=Column(String(255)))
    size_before: int | None = Field(sa_column=Column(Integer))
    size_after: int | None = Field(sa_column=Column(Integer))

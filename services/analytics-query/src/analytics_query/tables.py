"""The tables of schema `analytics`, for migrations and their test; the hot paths speak SQL in `store`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, Text


class Base(SQLModel, registry=registry()):
    """The tables of this service alone."""


class AnalyticsRow(Base, table=True):
    """One set of figures that was reported: the columns of the reference, then whose word it is and how sure."""

    __tablename__ = "analytics"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("analytics_source", "source_type", "source_id", "analytics_type", "timestamp"),
        Index("analytics_timestamp", "timestamp"),
    )

    id: int | None = Field(default=None, primary_key=True)
    analytics_type: str = Field(sa_type=String(50))  # pyright: ignore[reportArgumentType]
    source_type: str = Field(sa_type=String(50))  # pyright: ignore[reportArgumentType]
    source_id: str = Field(sa_type=String(255))  # pyright: ignore[reportArgumentType]
    data: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    timestamp: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    event_id: UUID
    worker_id: str = Field(sa_type=Text)
    attempt: int | None = Field(nullable=True)
    evidence: str = Field(sa_type=Text)


class RollupRow(Base, table=True):
    """What is known of one entity in one minute, hour or day."""

    __tablename__ = "rollups"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("rollups_bucket", "resolution", "bucket", "dimension"),)

    dimension: str = Field(sa_type=Text, primary_key=True)
    entity: str = Field(sa_type=Text, primary_key=True)
    resolution: str = Field(sa_type=Text, primary_key=True)
    bucket: datetime = Field(sa_type=DateTime(timezone=True), primary_key=True)  # pyright: ignore[reportArgumentType]
    figures: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    """Counts and newest values, which change with nearly every event."""
    spreads: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False, server_default=text("'{}'::jsonb")))
    """Distributions as versions before schema 0006 wrote them."""
    sketches: bytes = Field(sa_column=Column(LargeBinary, nullable=False, server_default=text("''::bytea")))
    """Distributions, packed: see `store.sketches`."""


class AttemptRow(Base, table=True):
    """What is kept of one worker's attempt at a task, as a document."""

    __tablename__ = "attempts"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index(
            "attempts_disagreements",
            text("((document -> 'outcome'::text) ->> 'at'::text)"),
            postgresql_where=text("document -> 'outcome' -> 'data' -> 'discrepancies' -> 0 IS NOT NULL"),
        ),
        Index("attempts_updated_at", "updated_at", postgresql_using="brin"),
    )

    task_id: str = Field(sa_type=Text, primary_key=True)
    attempt: int = Field(primary_key=True)
    worker_id: str = Field(sa_type=Text, primary_key=True)
    document: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    events: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    updated_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]


class TaskRow(Base, table=True):
    """What is kept of one task, as a document."""

    __tablename__ = "tasks"  # pyright: ignore[reportAssignmentType]

    task_id: str = Field(sa_type=Text, primary_key=True)
    document: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class ErrorGroupRow(Base, table=True):
    """Errors that are taken for one, with the words of the first."""

    __tablename__ = "error_groups"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("error_groups_last_seen", "last_seen"),)

    fingerprint: str = Field(sa_type=Text, primary_key=True)
    error_type: str = Field(sa_type=Text)
    severity: str = Field(sa_type=Text)
    message: str = Field(sa_type=Text)
    place: str = Field(sa_type=Text)
    first_event_id: UUID
    first_seen: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    last_seen: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    count: int = Field(sa_type=BigInteger)


class ErrorWorkerRow(Base, table=True):
    """How often a worker met an error."""

    __tablename__ = "error_workers"  # pyright: ignore[reportAssignmentType]

    fingerprint: str = Field(sa_type=Text, primary_key=True)
    worker_id: str = Field(sa_type=Text, primary_key=True)
    count: int = Field(sa_type=BigInteger)


class ErrorTaskRow(Base, table=True):
    """How often a task met an error."""

    __tablename__ = "error_tasks"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("error_tasks_task", "task_id"),)

    fingerprint: str = Field(sa_type=Text, primary_key=True)
    task_id: str = Field(sa_type=Text, primary_key=True)
    count: int = Field(sa_type=BigInteger)


class DecisionRow(Base, table=True):
    """One decision of a worker."""

    __tablename__ = "decisions"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("decisions_decided_at", "decided_at"), Index("decisions_task", "task_id"))

    event_id: UUID = Field(primary_key=True)
    task_id: str | None = Field(sa_type=Text, nullable=True)
    attempt: int | None = Field(nullable=True)
    worker_id: str = Field(sa_type=Text)
    decision_type: str = Field(sa_type=Text)
    decided_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    seq: int = Field(sa_type=BigInteger)
    body: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class ProjectionRow(Base, table=True):
    """How far the projections are: the one row whose lock every change of them takes first."""

    __tablename__ = "projection"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (CheckConstraint("id = 1"),)

    id: int = Field(primary_key=True)
    position: int = Field(sa_type=BigInteger)
    applied_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]
    newest_event_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]
    fold_version: int
    minutes_since: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]
    hours_since: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]


class CurrentAttemptRow(Base, table=True):
    """The attempt that a task is at, as the orchestrator said last."""

    __tablename__ = "current_attempts"  # pyright: ignore[reportAssignmentType]

    task_id: str = Field(sa_type=Text, primary_key=True)
    attempt: int
    worker_id: str = Field(sa_type=Text)

"""The tables of schema `telemetry`, for migrations and their test; the hot paths speak SQL in `store`."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

PARTITIONED = {"postgresql_partition_by": "RANGE (day)"}


class Base(SQLModel, registry=registry()):
    """The tables of this service alone."""


class EventRow(Base, table=True):
    """One event, in the partition of its id's UTC day. Rows of older versions have no producer and no batch."""

    __tablename__ = "events"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("events_task", "task_id", "event_id"),
        Index("events_kind", "kind", "event_id"),
        Index("events_worker", "worker_id", "event_id"),
        PARTITIONED,
    )

    event_id: UUID = Field(primary_key=True)
    day: date = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    stream_type: str | None = Field(sa_type=Text, nullable=True)
    worker_id: str = Field(sa_type=Text)
    task_id: str | None = Field(sa_type=Text, nullable=True)
    attempt: int | None = Field(nullable=True)
    seq: int = Field(sa_type=BigInteger)
    occurred_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    recorded_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    evidence: str = Field(sa_type=Text)
    stale: bool
    body: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    stored: dict[str, Any] | None = Field(sa_column=Column(JSONB, nullable=True))
    question_id: str | None = Field(sa_type=Text, nullable=True)
    producer_id: int | None = Field(nullable=True)
    batch: int | None = Field(sa_type=BigInteger, nullable=True)


class DecidedEventRow(Base, table=True):
    """What a service decided."""

    __tablename__ = "decided_events"  # pyright: ignore[reportAssignmentType]

    event_id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    recorded_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    task_id: str | None = Field(sa_type=Text, nullable=True)
    attempt: int | None = Field(nullable=True)
    worker_id: str | None = Field(sa_type=Text, nullable=True)
    question_id: str | None = Field(sa_type=Text, nullable=True)
    actor: str = Field(sa_type=Text)
    data: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    producer_id: int | None = Field(nullable=True)
    batch: int | None = Field(sa_type=BigInteger, nullable=True)


class ProducerRow(Base, table=True):
    """A producer as the inbox knows it; rows of the log name it by its number."""

    __tablename__ = "producers"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (UniqueConstraint("name", name="producers_name"),)

    producer_id: int | None = Field(default=None, primary_key=True, sa_column_args=(Identity(always=True),))
    name: str = Field(sa_type=Text)


class TaskAttemptRow(Base, table=True):
    """The attempt that a task is at, as the orchestrator said last."""

    __tablename__ = "task_attempts"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("task_attempts_noted_at", "noted_at", postgresql_using="brin"),)

    task_id: str = Field(sa_type=Text, primary_key=True)
    attempt: int
    worker_id: str = Field(sa_type=Text)
    noted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("now()")))

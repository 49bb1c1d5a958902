"""The tables of schema `analytics`, for migrations and their test; the hot paths speak SQL in `store`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, Text


class Base(SQLModel, registry=registry()):
    """The tables of this service alone."""


class AnalyticsRow(Base, table=True):
    """One set of figures that was reported: the columns of the reference, then whose word it is and how sure."""

    __tablename__ = "analytics"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("analytics_source", "source_type", "source_id", "analytics_type", "timestamp"),)

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


class TaskFactsRow(Base, table=True):
    """The facts of one worker's attempt at a task, as a document."""

    __tablename__ = "task_facts"  # pyright: ignore[reportAssignmentType]

    task_id: str = Field(sa_type=Text, primary_key=True)
    attempt: int = Field(primary_key=True)
    worker_id: str = Field(sa_type=Text, primary_key=True)
    facts: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    updated_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]


class CurrentAttemptRow(Base, table=True):
    """The attempt that a task is at, as the orchestrator said last."""

    __tablename__ = "current_attempts"  # pyright: ignore[reportAssignmentType]

    task_id: str = Field(sa_type=Text, primary_key=True)
    attempt: int
    worker_id: str = Field(sa_type=Text)

"""The tables of schema `questions`, for migrations and their test; the hot paths speak SQL in `store`."""

from datetime import datetime

from sqlalchemy import Column, DateTime, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

OPEN = text("state = 'open'")


class Base(SQLModel, registry=registry()):
    """The tables of this service alone."""


class QuestionRow(Base, table=True):
    """One question, resource request or collaboration request."""

    __tablename__ = "questions"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("questions_newest", "asked_at", "question_id"),
        Index("questions_task", "task_id"),
        Index("questions_due", "expires_at", postgresql_where=OPEN),
    )

    question_id: str = Field(sa_type=Text, primary_key=True)
    kind: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    worker_id: str = Field(sa_type=Text)
    task_id: str | None = Field(sa_type=Text, nullable=True)
    attempt: int | None = Field(nullable=True)
    question: str = Field(sa_type=Text)
    question_type: str = Field(sa_type=Text)
    context: str | None = Field(sa_type=Text, nullable=True)
    options: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    default_answer: str | None = Field(sa_type=Text, nullable=True)
    priority: str = Field(sa_type=Text)
    asked_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    expires_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]
    answer: str | None = Field(sa_type=Text, nullable=True)
    additional_context: str | None = Field(sa_type=Text, nullable=True)
    answered_by: str | None = Field(sa_type=Text, nullable=True)
    answered_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]


class ClosedAttemptRow(Base, table=True):
    """The last attempt of a task that is known to have ended."""

    __tablename__ = "closed_attempts"  # pyright: ignore[reportAssignmentType]

    task_id: str = Field(sa_type=Text, primary_key=True)
    attempt: int

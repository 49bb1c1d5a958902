"""The tables of schema `questions`, for migrations and their test; the hot paths speak SQL in `store`."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Computed, DateTime, Double, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

OPEN = text("state = 'open'")
ANSWERED = text("state = 'answered'")
PENDING = text("state = 'pending'")
ASKED = (
    "setweight(to_tsvector('english', question), 'A')"
    " || setweight(to_tsvector('english', COALESCE(\"left\"(context, 2000), '')), 'B')"
)
SEARCHED = (
    "setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', tags), 'B')"
    " || setweight(to_tsvector('english', content), 'C')"
)


class Base(SQLModel, registry=registry()):
    """The tables of this service alone."""


class QuestionRow(Base, table=True):
    """One question, resource request or collaboration request."""

    __tablename__ = "questions"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("questions_newest", "asked_at", "question_id"),
        Index("questions_task", "task_id"),
        Index("questions_worker", "worker_id", "asked_at"),
        Index("questions_answered", "search", postgresql_using="gin", postgresql_where=ANSWERED),
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
    request: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    waits: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("true")))
    decision: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    findings: list[str] = Field(sa_column=Column(JSONB, nullable=False, server_default=text("'[]'::jsonb")))
    linked_task_id: str | None = Field(sa_type=Text, nullable=True)
    helper_worker: str | None = Field(sa_type=Text, nullable=True)
    helper_attempt: int | None = Field(nullable=True)
    rule_id: str | None = Field(sa_type=Text, nullable=True)
    escalated_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]
    needs_approval: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    search: str = Field(sa_column=Column(TSVECTOR, Computed(ASKED, persisted=True), nullable=False))


class RuleRow(Base, table=True):
    """A rule that answers questions; `tested_version` is the last version that was on dry-run."""

    __tablename__ = "rules"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("rules_in_order", "position", "rule_id"),)

    rule_id: str = Field(sa_type=Text, primary_key=True)
    name: str = Field(sa_type=Text)
    description: str | None = Field(sa_type=Text, nullable=True)
    position: int
    state: str = Field(sa_type=Text)
    conditions: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    action: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    version: int
    tested_version: int
    dry_run_hits: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    hits: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    last_hit_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]
    created_by: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]


class RuleHitRow(Base, table=True):
    """What a rule has answered, or would have on dry-run (`state`: the rule's at that moment)."""

    __tablename__ = "rule_hits"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("rule_hits_hit_at", "hit_at", postgresql_using="brin"),)

    rule_id: str = Field(sa_column=Column(Text, ForeignKey("rules.rule_id", ondelete="CASCADE"), primary_key=True))
    question_id: str = Field(sa_type=Text, primary_key=True)
    version: int
    state: str = Field(sa_type=Text)
    answer: str = Field(sa_type=Text)
    decision: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    hit_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]


class TaskRepositoryRow(Base, table=True):
    """On which repository a task works, as the news of it says."""

    __tablename__ = "task_repositories"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("task_repositories_noted_at", "noted_at", postgresql_using="brin"),)

    task_id: str = Field(sa_type=Text, primary_key=True)
    repository: str = Field(sa_type=Text)
    noted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("now()")))


class EscalationRow(Base, table=True):
    """A message about a question that waits too long; who sends it holds it until `claimed_until`."""

    __tablename__ = "escalations"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("escalations_newest", "created_at", "escalation_id"),
        Index("escalations_due", "next_attempt_at", postgresql_where=PENDING),
    )

    escalation_id: str = Field(sa_type=Text, primary_key=True)
    question_id: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    priority: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    payload: bytes
    attempts: int
    next_attempt_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]
    claimed_until: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    sent_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]
    last_error: str | None = Field(sa_type=Text, nullable=True)


class ClosedAttemptRow(Base, table=True):
    """The last attempt of a task that is known to have ended, and who was given the task last."""

    __tablename__ = "closed_attempts"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("closed_attempts_noted_at", "noted_at", postgresql_using="brin"),)

    task_id: str = Field(sa_type=Text, primary_key=True)
    attempt: int
    noted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("now()")))
    assigned_attempt: int | None = Field(nullable=True)
    assigned_worker: str | None = Field(sa_type=Text, nullable=True)
    assigned_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]


class HeldResponseRow(Base, table=True):
    """A helper's response that came before the news that it is the helper."""

    __tablename__ = "held_responses"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("held_responses_question", "question_id"),
        Index("held_responses_held_at", "held_at"),
    )

    event_id: str = Field(sa_type=Text, primary_key=True)
    question_id: str = Field(sa_type=Text)
    event: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    held_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]


class LearningRow(Base, table=True):
    """What a worker has learned; `fingerprint` is equal for equal learnings, `repository` is null for all."""

    __tablename__ = "learnings"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("learnings_newest", "shared_at", "learning_id"),
        Index("learnings_search", "search", postgresql_using="gin"),
        Index("learnings_task", "task_id"),
    )

    learning_id: str = Field(sa_type=Text, primary_key=True)
    fingerprint: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    title: str = Field(sa_type=Text)
    content: str = Field(sa_type=Text)
    tags: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    repository: str | None = Field(sa_type=Text, nullable=True)
    worker_id: str = Field(sa_type=Text)
    task_id: str | None = Field(sa_type=Text, nullable=True)
    confidence_percent: float | None = Field(sa_column=Column(Double))
    attempt: int | None = Field(nullable=True)
    recorded_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("now()"))
    )
    stale: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    times_shared: int
    shared_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    search: str = Field(sa_column=Column(TSVECTOR, Computed(SEARCHED, persisted=True), nullable=False))

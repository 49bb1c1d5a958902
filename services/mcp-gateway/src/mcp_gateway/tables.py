"""The tables of schema `gateway`, for migrations and their test; `store` speaks SQL."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class Base(SQLModel, registry=registry()):
    """The tables of this service alone."""


class ApiKeyRow(Base, table=True):
    """An API key; its secret is nowhere."""

    __tablename__ = "api_keys"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("api_keys_newest", "created_at", "key_id"),)

    key_id: str = Field(sa_type=Text, primary_key=True)
    name: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    tools: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    secret_sha256: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_by: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    expires_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]
    revoked_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]
    revoked_by: str | None = Field(sa_type=Text, nullable=True)
    last_used_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]


class AuditEntryRow(Base, table=True):
    """One entry of the audit log."""

    __tablename__ = "audit_entries"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("audit_entries_recorded", "recorded_at", "seq"),
        Index("audit_entries_principal", "principal", "seq"),
        Index("audit_entries_action", "action", "seq"),
        Index("audit_entries_task", "task_id", "seq", postgresql_where=text("task_id IS NOT NULL")),
        {"postgresql_partition_by": "RANGE (recorded_at)"},
    )

    seq: int = Field(sa_type=BigInteger, primary_key=True)
    recorded_at: datetime = Field(sa_type=DateTime(timezone=True), primary_key=True)  # pyright: ignore[reportArgumentType]
    occurred_at: datetime = Field(sa_type=DateTime(timezone=True))  # pyright: ignore[reportArgumentType]
    source: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    principal: str = Field(sa_type=Text)
    outcome: str = Field(sa_type=Text)
    code: str | None = Field(sa_type=Text, nullable=True)
    credential: str | None = Field(sa_type=Text, nullable=True)
    role: str | None = Field(sa_type=Text, nullable=True)
    client: str | None = Field(sa_type=Text, nullable=True)
    task_id: str | None = Field(sa_type=Text, nullable=True)
    attempt: int | None = Field(nullable=True)
    worker_id: str | None = Field(sa_type=Text, nullable=True)
    question_id: str | None = Field(sa_type=Text, nullable=True)
    duration_ms: int | None = Field(sa_type=BigInteger, nullable=True)
    trace_id: str | None = Field(sa_type=Text, nullable=True)
    details: str = Field(sa_type=Text)
    prev_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class AuditHeadRow(Base, table=True):
    """The one row that says where the audit log ends; whoever appends holds it."""

    __tablename__ = "audit_head"  # pyright: ignore[reportAssignmentType]

    id: int = Field(primary_key=True)
    seq: int = Field(sa_type=BigInteger)
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    recorded_at: datetime | None = Field(sa_type=DateTime(timezone=True), nullable=True)  # pyright: ignore[reportArgumentType]

"""The tables of schema `gateway`, for migrations and their test; `store` speaks SQL."""

from datetime import datetime

from sqlalchemy import Column, DateTime, Index, LargeBinary, Text
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

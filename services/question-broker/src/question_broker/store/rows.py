"""Rows of the database as what the rest of the service knows, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import asyncpg
import orjson
from pydantic import BaseModel

from contracts.questions import QuestionKind, QuestionState, RequestDecision
from question_broker.decisions.fencing import Holder
from question_broker.domain import Question

COLUMNS = tuple(field.name for field in fields(Question))
TYPES = {
    "attempt": "int",
    "options": "jsonb",
    "asked_at": "timestamptz",
    "expires_at": "timestamptz",
    "answered_at": "timestamptz",
    "request": "jsonb",
    "waits": "boolean",
    "decision": "jsonb",
    "findings": "jsonb",
    "helper_attempt": "int",
    "escalated_at": "timestamptz",
    "needs_approval": "boolean",
}


def arrays(names: Sequence[str]) -> str:
    """The parameters `$1::text[], …` for columns of these names."""
    return ", ".join(f"${at}::{TYPES.get(name, 'text')}[]" for at, name in enumerate(names, start=1))


def columns(items: Sequence[object], names: Sequence[str]) -> list[list[Any]]:
    """The items by column."""
    return [[_plain(getattr(item, name)) for item in items] for name in names]


def read_question(row: asyncpg.Record) -> Question:
    """A question as it is stored."""
    given: dict[str, Any] = {name: row[name] for name in COLUMNS}
    given["kind"] = QuestionKind(given["kind"])
    given["state"] = QuestionState(given["state"])
    given["options"] = tuple(given["options"])
    given["findings"] = tuple(given["findings"])
    given["decision"] = RequestDecision.model_validate(given["decision"]) if given["decision"] else None
    return Question(**given)


def two_columns(attempts: Mapping[str, int]) -> tuple[list[str], list[int]]:
    """Attempts by task as two arrays, in the order of the tasks."""
    ordered = sorted(attempts.items())
    return [task_id for task_id, _ in ordered], [attempt for _, attempt in ordered]


def holder_columns(holders: Mapping[str, Holder]) -> tuple[list[str], list[int], list[str], list[datetime]]:
    """Holders by task as arrays, in the order of the tasks."""
    ordered = sorted(holders.items())
    return (
        [task_id for task_id, _ in ordered],
        [holder.attempt for _, holder in ordered],
        [holder.worker_id for _, holder in ordered],
        [holder.since for _, holder in ordered],
    )


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    # asyncpg would take a list in an array for another dimension of it.
    return orjson.Fragment(orjson.dumps(value)) if isinstance(value, tuple) else value

"""Entries as rows, and rows as entries."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from contracts.audit import AuditOutcome, AuditSource
from mcp_gateway.domain.audit import Entry, Head, Link

_OF_ENTRY = {
    "occurred_at": "timestamptz",
    "source": "text",
    "action": "text",
    "principal": "text",
    "outcome": "text",
    "code": "text",
    "credential": "text",
    "role": "text",
    "client": "text",
    "task_id": "text",
    "attempt": "int",
    "worker_id": "text",
    "question_id": "text",
    "duration_ms": "bigint",
    "trace_id": "text",
    "details": "text",
}
_OF_LINK = {"seq": "bigint", "recorded_at": "timestamptz", "prev_hash": "bytea", "hash": "bytea"}
COLUMNS = ", ".join((*_OF_LINK, *_OF_ENTRY))


def unnested(first: int) -> str:
    """The columns as parameters, from `$first` on, for `unnest`."""
    types = (*_OF_LINK.values(), *_OF_ENTRY.values())
    return ", ".join(f"${at}::{kind}[]" for at, kind in enumerate(types, start=first))


def columns(links: Sequence[Link]) -> list[list[Any]]:
    """The values of those parameters."""
    of_link = [[getattr(link, name) for link in links] for name in _OF_LINK]
    entries = [link.entry for link in links]
    return of_link + [[getattr(entry, name) for entry in entries] for name in _OF_ENTRY]


def read_link(row: asyncpg.Record) -> Link:
    """The entry in a row, and its place."""
    values = {name: row[name] for name in _OF_ENTRY}
    values |= {"source": AuditSource(row["source"]), "outcome": AuditOutcome(row["outcome"])}
    return Link(row["seq"], row["recorded_at"], Entry(**values), row["prev_hash"], row["hash"])


def read_head(row: asyncpg.Record) -> Head:
    """The end of the chain."""
    return Head(row["seq"], row["hash"], row["recorded_at"])

"""Errors of an attempt and what was tried against them."""

from datetime import datetime
from typing import NamedTuple

from analytics_query.domain.documents.parts import Part


class SeenError(NamedTuple):
    """An error, with what its own report says of a recovery."""

    seq: int
    at: datetime
    fingerprint: str
    error_type: str
    strategy: str | None
    """What was tried; None: nothing."""
    successful: bool


class Tried(NamedTuple):
    """A report of a recovery."""

    seq: int
    at: datetime
    error: str
    """Digest of the id of the error's event; empty: not said."""
    error_type: str
    strategy: str
    successful: bool


class Recoveries(Part):
    """By digest of the event's id: bounded samples."""

    errors: dict[str, SeenError] = {}
    tried: dict[str, Tried] = {}

"""Opaque cursors for lists: the sort key of the last row that was shown."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Query

from contracts.base import Page
from servicekit.errors import ServiceError

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
MAX_CURSOR = 1_000

PageLimit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items to return at most.")]
PageCursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]
RowT = TypeVar("RowT")
ItemT = TypeVar("ItemT")


def encode_cursor(key: tuple[Any, ...]) -> str:
    """Text for a tuple of JSON values; datetimes become RFC 3339 text and stay so when decoded."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).rstrip(b"=").decode()


def decode_cursor(cursor: str, length: int | None = None) -> tuple[Any, ...]:
    """The tuple again. Raises ServiceError `invalid_cursor` for anything that is no cursor, or not of that length."""
    try:
        if len(cursor) > MAX_CURSOR:
            raise ValueError("too long")
        padded = cursor + "=" * (-len(cursor) % 4)
        key = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(key, list) or (length is not None and len(key) != length):
            raise ValueError("not a key")
    except (ValueError, binascii.Error) as error:
        raise invalid_cursor() from error
    return tuple(key)


def after(cursor: str | None) -> tuple[datetime, str] | None:
    """A moment and an id. Raises ServiceError `invalid_cursor`."""
    if cursor is None:
        return None
    try:
        at, row_id = decode_cursor(cursor, 2)
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
    except (TypeError, ValueError) as error:
        raise invalid_cursor() from error
    return moment, str(row_id)


def invalid_cursor() -> ServiceError:
    """The error for a cursor that is not one of this list's, for edges that look into its parts."""
    detail = "cursor: it is not one that this list gave out; leave it away to begin anew"
    return ServiceError("invalid_cursor", "invalid", detail)


def page(
    rows: Sequence[RowT], limit: int, key: Callable[[RowT], tuple[Any, ...]], render: Callable[[RowT], ItemT]
) -> Page[ItemT]:
    """A page of the first `limit` of rows; the caller has asked for `limit + 1`, which tells whether there are more."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(items=[render(row) for row in shown], next_cursor=encode_cursor(key(shown[-1])) if more else None)

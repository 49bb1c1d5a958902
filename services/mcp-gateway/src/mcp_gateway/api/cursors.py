"""Places in lists, as their cursors tell them."""

from datetime import datetime

from servicekit.paging import decode_cursor, invalid_cursor


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

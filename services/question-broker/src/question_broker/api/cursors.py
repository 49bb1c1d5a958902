"""Places in lists, as their cursors tell them."""

from servicekit.paging import decode_cursor, invalid_cursor


def beyond(cursor: str | None) -> tuple[int, str] | None:
    """A position and an id. Raises ServiceError `invalid_cursor`."""
    if cursor is None:
        return None
    position, row_id = decode_cursor(cursor, 2)
    # What is no integer of PostgreSQL's is none of a rule's positions.
    if not isinstance(position, int) or not isinstance(row_id, str) or not 0 <= position < 2**31:
        raise invalid_cursor()
    return position, row_id

from datetime import UTC, datetime

import pytest

from servicekit.errors import ServiceError
from servicekit.paging import decode_cursor, encode_cursor, page


def test_a_cursor_gives_its_key_back() -> None:
    moment = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    key = decode_cursor(encode_cursor((moment, "task-1", 3, None)), 4)
    assert key == (moment.isoformat(), "task-1", 3, None)
    assert datetime.fromisoformat(key[0]) == moment


@pytest.mark.parametrize("wrong", ["", "%", "abc", "e30", "bnVsbA", "ä", "x" * 2000, encode_cursor((1,))])
def test_what_is_no_cursor_of_this_list_is_refused(wrong: str) -> None:
    with pytest.raises(ServiceError) as error:
        decode_cursor(wrong, 2)
    assert (error.value.code, error.value.category) == ("invalid_cursor", "invalid")


def test_a_page_has_a_cursor_only_if_there_is_more() -> None:
    full = page([1, 2, 3], 2, key=lambda row: (row,), render=str)
    assert full.items == ["1", "2"]
    assert full.next_cursor
    assert decode_cursor(full.next_cursor, 1) == (2,)
    assert page([1, 2], 2, key=lambda row: (row,), render=str).next_cursor is None
    assert page([], 2, key=lambda row: (row,), render=str).items == []

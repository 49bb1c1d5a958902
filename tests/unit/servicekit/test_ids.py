from datetime import UTC, datetime, timedelta

import pytest

from contracts.base import ID_PATTERN
from servicekit.clock import SystemClock
from servicekit.ids import event_time, new_event_id, new_id


def test_ids_sort_by_the_order_of_their_making() -> None:
    ids = [new_event_id() for _ in range(10_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_an_id_tells_when_it_was_made() -> None:
    before = SystemClock().now()
    made = event_time(new_id("task"))
    assert made.tzinfo is UTC
    assert before - timedelta(milliseconds=1) <= made <= SystemClock().now()
    assert event_time("0198f3a0-0000-7000-8000-000000000000") == datetime.fromtimestamp(0x0198F3A00000 / 1000, UTC)


def test_an_id_is_one_that_contracts_allow() -> None:
    import re

    assert re.match(ID_PATTERN, new_id("task"))
    assert new_id("q").startswith("q-")


@pytest.mark.parametrize("wrong", ["16fd2706-8baf-433b-82eb-8c7fada847da", "task-1", ""])
def test_what_is_no_uuid_of_version_7_has_no_time(wrong: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        event_time(wrong)

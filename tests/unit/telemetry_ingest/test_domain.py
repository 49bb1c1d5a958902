from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from servicekit.ids import event_time, new_event_id
from telemetry_ingest.domain import day_of


def test_the_day_of_a_fresh_id_is_the_day_of_its_making() -> None:
    event_id = new_event_id()
    assert day_of(event_id) == event_time(event_id).date()


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))
def test_the_day_is_that_of_the_time_in_the_id(moment: datetime) -> None:
    ms = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
    digits = f"{ms:012x}"
    assert day_of(f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000") == date.fromordinal(719163 + ms // 86_400_000)


def test_an_absurdly_late_id_falls_on_the_last_day() -> None:
    assert day_of("ffffffff-ffff-7000-8000-000000000000") == date.max

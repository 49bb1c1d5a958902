"""The same output is the same event, however often it is read."""

from datetime import timedelta
from uuid import UUID

from servicekit.ids import event_time
from tests.support.examples import NOW
from worker_agent.decisions.stable_ids import output_event_id


def test_the_same_output_gives_the_same_id_and_any_other_gives_another() -> None:
    same = {output_event_id("p", 10, 0, NOW) for _ in range(3)}
    others = {
        output_event_id("q", 10, 0, NOW),
        output_event_id("p", 11, 0, NOW),
        output_event_id("p", 10, 1, NOW),
        output_event_id("p", 10, 0, NOW + timedelta(milliseconds=1)),
    }
    assert len(same) == 1
    assert len(same | others) == 5


def test_an_id_is_a_uuid_of_version_7_with_the_time_of_the_output() -> None:
    made = output_event_id("p", 10, 0, NOW)
    assert UUID(made).version == 7
    assert abs(event_time(made) - NOW) < timedelta(milliseconds=1)


def test_ids_of_one_moment_sort_as_the_output_does() -> None:
    places = [(end, index) for end in (3, 250, 70_000, 2**35) for index in (0, 1, 300)]
    ids = [output_event_id("p", end, index, NOW) for end, index in places]
    assert ids == sorted(ids)

"""A fleet's history that load tests make up: valid by the contracts, in order, the same whenever it is made."""

import csv
from collections import Counter, defaultdict
from datetime import UTC, datetime
from functools import cache

from contracts import subjects
from contracts.batches import DECIDED_BATCH, EVENT_BATCH
from servicekit.ids import event_time
from tests.load.fleet.history import History
from tests.load.fleet.lines import EVENT_COLUMNS, NEWS_COLUMNS, Sealed
from tests.load.fleet.shape import Shape

SHAPE = Shape(datetime(2026, 6, 1, tzinfo=UTC), events=4_000, workers=10, repositories=3, per_attempt=100)


@cache
def history() -> list[Sealed]:
    return list(History(SHAPE).batches())


def test_every_batch_is_valid_by_the_contracts_and_travels_on_the_subject_of_its_events() -> None:
    for batch in history():
        if batch.is_news:
            news = DECIDED_BATCH.validate_json(batch.payload()).events
            assert {subjects.for_decided(one.kind) for one in news} == {batch.subject}
        else:
            events = EVENT_BATCH.validate_json(batch.payload()).events
            assert all(subjects.belongs_to(batch.subject, one.kind, one.worker_id, one.task_id) for one in events)


def test_the_same_shape_gives_the_same_history() -> None:
    assert [batch.payload() for batch in History(SHAPE).batches()] == [batch.payload() for batch in history()]


def test_each_producer_counts_its_batches_from_one_without_a_gap() -> None:
    numbers: dict[str, list[int]] = defaultdict(list)
    for batch in history():
        numbers[batch.producer].append(batch.number)
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


def test_there_are_about_as_many_events_as_asked_for_and_each_has_its_own_id() -> None:
    ids = [line.event_id for batch in history() for line in batch.lines]
    assert len(set(ids)) == len(ids)
    assert 0.8 * SHAPE.events < len(ids) < 1.2 * SHAPE.events


def test_most_events_are_lines_of_the_stream() -> None:
    kinds = Counter(line.kind for batch in history() for line in batch.lines)
    assert 0.6 < kinds["stream"] / kinds.total() < 0.7


def test_ids_are_of_the_time_of_their_events_which_lies_in_the_history() -> None:
    for batch in history():
        for line in batch.lines:
            at = datetime.fromisoformat(line.at)
            assert event_time(line.event_id) == at
            assert SHAPE.begin_ms <= at.timestamp() * 1000 <= SHAPE.end_ms


def test_rows_for_copy_have_a_value_for_each_column() -> None:
    for batch in history():
        columns = NEWS_COLUMNS if batch.is_news else EVENT_COLUMNS
        rows = list(csv.reader(batch.copy_rows().decode().splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
        assert [len(row) for row in rows] == [len(columns)] * len(batch.lines)


def test_a_shape_survives_its_json() -> None:
    assert Shape.from_json(SHAPE.to_json()) == SHAPE

"""The index: which events wait, and in what order batches of them are cut."""

from worker_agent.spool.index import Index, place_of, position_of
from worker_agent.spool.records import Acknowledgement, Header, Seal, StoredEvent

SIZE = 100


def index() -> Index:
    made = Index(lambda subject: subject.startswith("last"), max_batch_bytes=10_000)
    made.producer = "spool-1"
    return made


def fill(made: Index, *subjects: str, segment: int = 1, start: int = 0) -> None:
    for offset, subject in enumerate(subjects, start):
        made.add(subject, position_of(segment, offset), SIZE)


def test_a_position_says_segment_and_offset() -> None:
    assert place_of(position_of(7, 123_456_789_012)) == (7, 123_456_789_012)


def test_a_batch_has_the_events_of_one_subject_in_order() -> None:
    made = index()
    fill(made, "a", "b", "a", "b", "a")
    chosen = made.choose(10**6)
    assert [(batch.number, batch.subject, len(batch.positions)) for batch in chosen] == [(1, "a", 3), (1, "b", 2)]
    assert [place_of(position)[1] for position in chosen[0].positions] == [0, 2, 4]


def test_a_batch_has_at_most_256_events_and_not_too_many_bytes() -> None:
    made = index()
    fill(made, *["a"] * 600)
    sizes: list[int] = []
    while made.events:
        (batch,) = made.choose(10**6)
        sizes.append(len(batch.positions))
        made.acknowledge(batch)
    assert sizes == [100] * 6
    small = Index(lambda _: False, max_batch_bytes=10**6)
    fill(small, *["a"] * 600)
    assert len(small.choose(10**6)[0].positions) == 256


def test_one_large_event_is_a_batch_of_its_own() -> None:
    made = index()
    made.add("a", position_of(1, 0), 50_000)
    made.add("a", position_of(1, 1), 50_000)
    assert len(made.choose(10**6)[0].positions) == 1


def test_a_subject_has_one_batch_on_its_way_so_that_its_order_stays() -> None:
    made = index()
    fill(made, "a")
    (first,) = made.choose(10**6)
    fill(made, "a", start=1)
    assert made.choose(10**6) == []
    made.acknowledge(first)
    assert [batch.number for batch in made.choose(10**6)] == [2]


def test_the_oldest_event_goes_first_when_there_is_little_room() -> None:
    made = index()
    fill(made, "z", "a", "m")
    assert [batch.subject for batch in made.choose(1)] == ["z"]


def test_the_last_word_waits_for_all_that_is_older() -> None:
    made = index()
    fill(made, "a", "last", "b", "last")
    first = made.choose(10**6)
    assert [batch.subject for batch in first] == ["a", "b"]
    made.acknowledge(first[0])
    (last,) = made.choose(10**6)
    assert (last.subject, len(last.positions)) == ("last", 1)
    made.acknowledge(last)
    assert made.choose(10**6) == []
    made.acknowledge(first[1])
    assert [batch.subject for batch in made.choose(10**6)] == ["last"]


def test_a_segment_is_held_while_one_of_its_events_waits() -> None:
    made = index()
    fill(made, "a", segment=1)
    fill(made, "a", segment=2)
    (batch,) = made.choose(10**6)
    assert made.holds(1)
    assert made.holds(2)
    made.acknowledge(batch)
    assert not made.holds(1)
    assert (made.events, made.bytes, made.oldest()) == (0, 0, None)


def replayed(*records: object) -> Index:
    made = Index(lambda _: False, 10_000)
    for offset, record in enumerate(records):
        made.replay(1, offset, SIZE, record)  # pyright: ignore[reportArgumentType]
    return made


def test_a_sealed_batch_comes_back_as_it_was() -> None:
    made = replayed(
        Header("spool-9", 5, "boot"),
        StoredEvent("a", 1, b""),
        StoredEvent("a", 1, b""),
        Seal(5, position_of(1, 1), 1, "a"),
        StoredEvent("b", 1, b""),
    )
    assert (made.producer, made.next_batch, made.events) == ("spool-9", 6, 3)
    assert made.on_their_way["a"].number == 5
    assert [batch.subject for batch in made.choose(10**6)] == ["b"]


def test_an_acknowledged_batch_does_not_come_back() -> None:
    made = replayed(
        Header("s", 1, "b"),
        StoredEvent("a", 1, b""),
        Seal(1, position_of(1, 1), 1, "a"),
        Acknowledgement(position_of(1, 1)),
    )
    assert (made.events, made.on_their_way, made.next_batch) == (0, {}, 2)


def test_a_later_batch_of_a_subject_says_that_the_one_before_arrived() -> None:
    made = replayed(
        StoredEvent("a", 1, b""),
        Seal(1, position_of(1, 0), 1, "a"),
        StoredEvent("a", 1, b""),
        Seal(2, position_of(1, 2), 1, "a"),
    )
    assert made.on_their_way["a"].number == 2
    assert made.events == 1


def test_a_batch_whose_first_events_are_removed_had_arrived() -> None:
    made = replayed(Header("s", 1, "b"), StoredEvent("a", 1, b""), Seal(1, position_of(1, 1), 2, "a"))
    assert (made.events, made.on_their_way) == (0, {})


def test_after_the_machine_was_down_new_batches_have_a_new_name_and_sealed_ones_their_own() -> None:
    made = replayed(Header("old", 7, "boot"), StoredEvent("a", 1, b""), Seal(7, position_of(1, 1), 1, "a"))
    made.rename("new")
    fill(made, "b", segment=2)
    (fresh,) = made.choose(10**6)
    assert (fresh.message_id, made.on_their_way["a"].message_id) == ("new.b.1", "old.a.7")
    made.replay(3, 0, SIZE, Header("new", 2, "boot-2"))
    assert (made.producer, made.next_batch, made.boot) == ("new", 2, "boot-2")


def test_each_lane_has_dense_numbers_of_its_own() -> None:
    made = index()
    for start in range(3):
        fill(made, "worker.progress.w1", "worker.stream.w1.task-1", "worker.stream.w1.task-2", start=3 * start)
        for batch in made.choose(10**6):
            made.acknowledge(batch)
    fill(made, "worker.progress.w1", "worker.stream.w1.task-1", start=9)
    names = [batch.message_id for batch in made.choose(10**6)]
    assert names == ["spool-1.worker.progress.4", "spool-1.worker.stream.7"]


def test_no_lane_uses_a_number_again_after_a_restart() -> None:
    made = replayed(
        Header("s", 100, "boot"),
        StoredEvent("a", 1, b""),
        Seal(3, position_of(1, 1), 1, "a"),
        StoredEvent("b", 1, b""),
        StoredEvent("c", 1, b""),
        Seal(250, position_of(1, 4), 1, "c"),
    )
    assert (made.on_their_way["a"].number, made.on_their_way["c"].number, made.next_batch) == (3, 250, 251)
    for batch in list(made.on_their_way.values()):
        made.acknowledge(batch)
    fill(made, "a", "b", "c", segment=2)
    assert [(batch.subject, batch.number) for batch in made.choose(10**6)] == [("b", 100), ("a", 100), ("c", 251)]

from collections import defaultdict

import pytest

from contracts import subjects
from contracts.decided import DecidedKind
from contracts.events import EVENT_TYPES
from contracts.streams import ORCHESTRATOR_TELEMETRY, STREAMS


def _matches(pattern: str, subject: str) -> bool:
    wanted, given = pattern.split("."), subject.split(".")
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))


def _streams_of(subject: str) -> list[str]:
    return [s.name for s in STREAMS if any(_matches(p, subject) for p in s.subjects)]


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_every_event_kind_has_a_subject_in_exactly_one_stream(kind: str) -> None:
    subject = subjects.for_event(kind, "worker-1", "task-1")
    assert len(_streams_of(subject)) == 1
    assert subjects.belongs_to(subject, kind, "worker-1", "task-1")


def test_what_the_orchestrator_acts_on_shares_no_family_with_kinds_that_may_be_added() -> None:
    """A batch with a kind that is new to its consumer waits whole for an update: no outcome may wait so (ADR 19)."""
    families: defaultdict[str, set[str]] = defaultdict(set)
    for kind in EVENT_TYPES:
        families[subjects.parse(subjects.for_event(kind, "w", "t")).family].add(kind)
    assert {subject.removesuffix(".*"): families[subject.removesuffix(".*")] for subject in ORCHESTRATOR_TELEMETRY} == {
        "worker.registered": {"registered"},
        "worker.progress": {"progress"},
        subjects.COMPLETED: {"completion", "outcome", "session_end"},
    }


@pytest.mark.parametrize("kind", list(DecidedKind))
def test_every_domain_event_has_a_subject_in_events(kind: DecidedKind) -> None:
    assert _streams_of(subjects.for_decided(kind)) == ["EVENTS"]


def test_a_worker_cannot_speak_for_another() -> None:
    assert not subjects.belongs_to("worker.progress.worker-1", "progress", "worker-2", "task-1")
    assert not subjects.belongs_to("worker.stream.worker-1.task-1", "stream", "worker-1", "task-2")


def test_a_subject_is_read_back() -> None:
    assert subjects.parse("worker.stream.w.t") == subjects.Address("worker.stream", "w", "t")
    assert subjects.parse("manager.question.w") == subjects.Address("manager.question", "w")
    assert subjects.parse("worker.registered.w") == subjects.Address("worker.registered", "w")
    assert subjects.parse(subjects.REGISTERED) == subjects.Address("worker.registered")


@pytest.mark.parametrize(
    ("subject", "template"),
    [
        ("worker.stream.w.t", "worker.stream.{worker_id}.{task_id}"),
        ("manager.question.w", "manager.question.{worker_id}"),
        (subjects.REGISTERED, subjects.REGISTERED),
    ],
)
def test_a_template_has_names_in_the_places_of_ids(subject: str, template: str) -> None:
    assert subjects.parse(subject).template == template


@pytest.mark.parametrize("subject", ["", "worker", "other.progress.w", "worker.stream.w.t.more"])
def test_a_foreign_subject_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="not a subject"):
        subjects.parse(subject)


def test_a_stream_line_needs_a_task() -> None:
    with pytest.raises(ValueError, match="task_id"):
        subjects.for_event("stream", "worker-1", None)


def test_durables_have_distinct_names_and_subjects_of_their_stream() -> None:
    names = [d.name for s in STREAMS for d in s.durables]
    assert len(names) == len(set(names))
    assert all(set(d.subjects) <= set(s.subjects) for s in STREAMS for d in s.durables)


@pytest.mark.parametrize(
    ("subject", "lane"),
    [
        ("worker.registered.w1", "worker.registered"),
        ("worker.progress.w1", "worker.progress"),
        ("worker.stream.w1.task-1", "worker.stream"),
        ("manager.question.w1", "manager.question"),
        ("event.task.completed", "event.task"),
        ("worker.command.w1", "worker.command.w1"),
        ("worker.answer.w1", "worker.answer.w1"),
    ],
)
def test_a_lane_is_what_consumers_take_all_or_nothing_of(subject: str, lane: str) -> None:
    assert subjects.lane(subject) == lane


def test_no_durable_filters_within_a_lane() -> None:
    for stream in STREAMS:
        for durable in stream.durables:
            for pattern in durable.subjects:
                lane = subjects.lane(pattern.replace("*", "x"))
                whole = {one for one in stream.subjects if subjects.lane(one.replace("*", "x")) == lane}
                assert whole == {pattern}


@pytest.mark.parametrize(
    ("subject", "sender"),
    [
        ("worker.progress.w1", "w1"),
        ("worker.stream.w1.task-1", "w1"),
        ("manager.question.w1", "w1"),
        ("worker.registered.w1", "w1"),
        ("event.task.completed", None),
    ],
)
def test_the_sender_is_the_worker_whose_subject_it_is(subject: str, sender: str | None) -> None:
    assert subjects.sender(subject) == sender


def test_registrations_are_repeated_where_no_stream_takes_them() -> None:
    (republish,) = [stream.republish for stream in STREAMS if stream.republish]
    assert _matches(republish.source, subjects.for_event("registered", "w1", None))
    assert republish.target == subjects.REGISTERED
    assert _streams_of(subjects.REGISTERED) == []


def test_objects_lie_under_the_id_of_the_worker_that_keeps_them() -> None:
    meta, chunks = subjects.objects_of("B", "w1")
    key = subjects.object_key("task-1", 2, "größe.txt")
    assert _matches(meta, subjects.object_meta("B", "w1", key))
    assert _matches(chunks, subjects.object_chunk("B", "w1", key, 1, 0))
    assert not _matches(meta, subjects.object_meta("B", "w2", key))


@pytest.mark.parametrize(
    ("pattern", "other", "is_included"),
    [
        ("a.b", "a.b", True),
        ("a.*", "a.b", True),
        ("a.*", "a.*", True),
        ("a.>", "a.*.c", True),
        ("a.>", "a.b.>", True),
        (">", "a", True),
        ("a.b", "a.*", False),
        ("a.*", "a.>", False),
        ("a.*", "a.b.c", False),
        ("a.b.*", "a.b", False),
        ("a.>", "a", False),
        ("a.b", "a.c", False),
    ],
)
def test_a_pattern_includes_another_that_matches_nothing_beside(pattern: str, other: str, is_included: bool) -> None:
    assert subjects.includes(pattern, other) is is_included

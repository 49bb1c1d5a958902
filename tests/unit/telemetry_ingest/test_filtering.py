import pytest

from telemetry_ingest.decisions.filtering import filter_of, passes
from telemetry_ingest.decisions.telling import tell
from telemetry_ingest.errors import UnknownType
from tests.support.examples import FULL, event

THINKING = tell(event("stream", FULL["stream"]), stale=False)
MILESTONE = tell(event("milestone", FULL["milestone"]), stale=False)
DECISION_EVENT = tell(event("decision", FULL["decision"]), stale=False)
DECISION_LINE = tell(event("stream", {"stream_type": "decision", "content": "x"}), stale=False)


def test_no_types_want_everything() -> None:
    assert all(passes(entry, filter_of("task-1", [])) for entry in (THINKING, MILESTONE, DECISION_EVENT))


def test_stream_types_and_event_kinds_may_be_mixed() -> None:
    wanted = filter_of("task-1", ["thinking", "milestone"])
    assert [passes(entry, wanted) for entry in (THINKING, MILESTONE, DECISION_EVENT)] == [True, True, False]


def test_a_word_that_is_both_wants_both() -> None:
    wanted = filter_of("task-1", ["decision"])
    assert passes(DECISION_EVENT, wanted)
    assert passes(DECISION_LINE, wanted)
    assert not passes(THINKING, wanted)


def test_an_unknown_word_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(UnknownType, match=r"'daydreaming' is neither .*; allowed: analytics, .*thinking"):
        filter_of("task-1", ["daydreaming"])

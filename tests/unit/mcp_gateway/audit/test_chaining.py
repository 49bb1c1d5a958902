"""The chain: its form is fixed, and whatever is done to it shows."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.audit import AuditOutcome, AuditSource
from mcp_gateway.decisions.audit.chaining import canonical, chained
from mcp_gateway.decisions.audit.describing import anchor_of, anchored
from mcp_gateway.decisions.audit.verifying import Judged, judge
from mcp_gateway.domain.audit import AuditPart, Entry, Head, Link

NOW = datetime(2026, 11, 30, 8, 0, 0, 123456, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
ENTRIES = st.builds(
    Entry,
    occurred_at=st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    source=st.sampled_from(AuditSource),
    action=TEXTS,
    principal=TEXTS,
    outcome=st.sampled_from(AuditOutcome),
    details=TEXTS,
    code=st.none() | TEXTS,
    task_id=st.none() | TEXTS,
    attempt=st.none() | st.integers(0, 2**31 - 1),
    duration_ms=st.none() | st.integers(0, 2**53),
)


def entry(number: int = 0) -> Entry:
    return Entry(NOW, AuditSource.tool, f"tool_{number}", "alice", AuditOutcome.ok)


def chain(count: int, after: Head | None = None) -> list[Link]:
    return chained(after or Head(), [entry(n) for n in range(count)], NOW)[0]


def end_of(links: Sequence[Link]) -> Head:
    return Head(links[-1].seq, links[-1].hash, links[-1].recorded_at)


def judged(
    links: Sequence[Link], head: Head | None = None, known: Sequence[Head] = (), anchor: Head | None = None
) -> Judged:
    end = head or (end_of(links) if links else Head())
    return judge(AuditPart(links, end, None, anchor, is_last=True), None, known)


@given(ENTRIES, st.integers(1, 2**60))
@settings(max_examples=60, deadline=None)
def test_the_canonical_form_is_what_any_json_library_writes(one: Entry, seq: int) -> None:
    text = canonical(seq, NOW, one)
    assert json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")).encode() == text


def test_the_canonical_form_never_changes() -> None:
    one = replace(entry(), task_id="task-1", attempt=2, duration_ms=3, details='{"a":1}', client="127.0.0.1")
    assert canonical(7, NOW, one) == (
        b'[1,7,1796025600123456,1796025600123456,"tool","tool_0","alice","ok",null,null,null,"127.0.0.1","task-1",2,'
        b'null,null,3,null,"{\\"a\\":1}"]'
    )
    (link,), head = chained(Head(6, bytes(32), NOW), [one], NOW)
    assert link.hash == head.hash == hashlib.sha256(bytes(32) + canonical(7, NOW, one)).digest()


def test_an_untouched_chain_holds() -> None:
    links = chain(5)
    assert judged(links) == Judged(end_of(links), 5, None)
    assert judged([]) == Judged(Head(), 0, None)


def test_time_in_the_chain_never_goes_back() -> None:
    first = chain(1)
    (later,), _ = chained(end_of(first), [entry()], NOW - timedelta(hours=1))
    assert later.recorded_at == NOW
    assert judged([*first, later]).broken is None


@given(
    st.integers(0, 5),
    st.sampled_from(["action", "principal", "outcome", "details", "task_id", "occurred_at", "client"]),
)
@settings(max_examples=40, deadline=None)
def test_a_changed_entry_is_the_first_that_does_not_hold(place: int, name: str) -> None:
    links = chain(6)
    changed = {"outcome": AuditOutcome.refused, "occurred_at": NOW + timedelta(microseconds=1)}.get(name, "other")
    links[place] = replace(links[place], entry=replace(links[place].entry, **{name: changed}))
    found = judged(links)
    assert found.broken is not None
    assert (found.broken.seq, found.entries) == (place + 1, place)


@pytest.mark.parametrize("place", range(5))
def test_a_changed_entry_with_a_hash_made_anew_does_not_fit_its_follower(place: int) -> None:
    links = chain(6)
    before = Head(place, links[place].prev_hash, NOW)
    (forged,), _ = chained(before, [entry(99)], NOW)
    links[place] = forged
    broken = judged(links).broken
    assert broken is not None
    assert broken.seq == place + 2


def test_a_missing_entry_is_named() -> None:
    links = chain(6)
    del links[3]
    broken = judged(links).broken
    assert broken is not None
    assert broken.seq == 5
    assert "between" in broken.reason


def test_a_truncated_chain_ends_before_its_head() -> None:
    links = chain(6)
    broken = judged(links[:4], head=end_of(links)).broken
    assert broken is not None
    assert broken.seq == 5


def test_a_chain_that_was_truncated_with_its_head_shows_against_an_end_that_was_kept() -> None:
    links = chain(6)
    assert judged(links[:4]).broken is None
    broken = judged(links[:4], known=[end_of(links)]).broken
    assert broken is not None
    assert "once ended at 6" in broken.reason


def test_a_chain_that_was_made_anew_shows_against_an_end_that_was_kept() -> None:
    kept = end_of(chain(4))
    anew, _ = chained(Head(), [entry(n + 100) for n in range(6)], NOW)
    assert judged(anew).broken is None
    broken = judged(anew, known=[kept]).broken
    assert broken is not None
    assert "rewritten" in broken.reason


def test_an_end_that_was_kept_holds_while_nothing_was_touched() -> None:
    links = chain(6)
    assert judged(links, known=[end_of(links[:2]), end_of(links)]).broken is None


def test_entries_that_retention_has_dropped_are_told_by_their_anchor() -> None:
    links = chain(6)
    dropped = end_of(links[:3])
    assert anchored(anchor_of(dropped, NOW)) == Head(dropped.seq, dropped.hash)
    assert judged(links[3:], anchor=dropped) == Judged(end_of(links), 3, None)
    for anchor in (None, end_of(links[:2]), replace(dropped, hash=bytes(32))):
        broken = judged(links[3:], anchor=anchor).broken
        assert broken is not None
        assert broken.seq == 4


def test_a_chain_is_verified_in_parts() -> None:
    links = chain(6)
    first = judge(AuditPart(links[:3], end_of(links), None, None, is_last=False), None)
    assert (first.reached, first.broken) == (end_of(links[:3]), None)
    rest = AuditPart(links[3:], end_of(links), first.reached, None, is_last=True)
    assert judge(rest, first.reached) == Judged(end_of(links), 3, None)
    forged = replace(rest, before=replace(first.reached, hash=bytes(32)))
    assert judge(forged, first.reached).broken is not None

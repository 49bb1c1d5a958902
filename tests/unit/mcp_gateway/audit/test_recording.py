"""Entries on their way to the database: together, in order, never lost without a word."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from contracts.audit import AuditOutcome, AuditSource
from mcp_gateway.decisions.audit.describing import CLOSED, GAP, OPENED, Caller
from mcp_gateway.decisions.audit.outcomes import of_status
from mcp_gateway.domain.audit import Entry, Head
from mcp_gateway.errors import Unavailable
from mcp_gateway.handlers.audit.recording import Recorder, RecordingPolicy
from mcp_gateway.handlers.audit.turning import Attempt, TurnedAway, TurningLimits
from mcp_gateway.ports import Unwritable
from tests.support.fakes import FakeClock
from tests.support.waiting import eventually

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)


@dataclass
class Writer:
    """An AuditWriter in memory, which can be away, slow, or refuse what is marked as bad."""

    groups: list[list[Entry]] = field(default_factory=list[list[Entry]])
    away: bool = False
    asked: int = 0
    fails_once: list[str] = field(default_factory=list[str])
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def append(self, entries: Sequence[Entry]) -> Head:
        self.asked += 1
        await self.open.wait()
        if self.away:
            raise ConnectionError("nobody there")
        if [entry.action for entry in entries] == self.fails_once:
            self.fails_once = []
            raise ConnectionError("gone for a moment")
        if any(entry.action == "bad" for entry in entries):
            raise Unwritable("bad")
        self.groups.append(list(entries))
        return Head(sum(map(len, self.groups)), bytes(32), NOW)

    @property
    def actions(self) -> list[str]:
        return [entry.action for group in self.groups for entry in group]


def entry(action: str) -> Entry:
    return Entry(NOW, AuditSource.tool, action, "alice", AuditOutcome.ok)


@pytest.fixture
def writer() -> Writer:
    made = Writer()
    made.open.set()
    return made


@asynccontextmanager
async def recording(writer: Writer, **policy: Any) -> AsyncGenerator[Recorder]:
    given: dict[str, Any] = {"required": False, "wait_ms": 5_000, "room": 100, "gather_ms": 0} | policy
    recorder = Recorder(writer, FakeClock(NOW), RecordingPolicy(**given), "gateway-1")
    begun = asyncio.Event()

    async def run() -> None:
        begun.set()
        await recorder.run()

    running = asyncio.create_task(run())
    try:
        await begun.wait()
        yield recorder
    finally:
        running.cancel()
        await asyncio.wait({running})


async def call_in_hand(writer: Writer, recorder: Recorder) -> asyncio.Task[bool]:
    """A call whose entry is being written, until the writer is opened again."""
    await recorder.keep(entry("first"))
    writer.open.clear()
    before = writer.asked
    call = asyncio.create_task(recorder.keep(entry("in hand")))
    await eventually(lambda: writer.asked > before and recorder.waiting == 0)
    return call


async def test_a_kept_entry_is_durable_when_the_call_is_answered(writer: Writer) -> None:
    async with recording(writer) as recorder:
        assert await recorder.keep(entry("first"))
        assert "first" in writer.actions


async def test_what_comes_while_a_group_is_written_goes_into_the_next_together(writer: Writer) -> None:
    async with recording(writer) as recorder:
        calls = [await call_in_hand(writer, recorder)]
        calls += [asyncio.create_task(recorder.keep(entry(f"call {n}"))) for n in range(20)]
        await eventually(lambda: recorder.waiting == 20)
        writer.open.set()
        assert all(await asyncio.gather(*calls))
    assert [[one.action for one in group] for group in writer.groups[-3:]] == [
        ["in hand"],
        [f"call {n}" for n in range(20)],
        [CLOSED],
    ]


async def test_entries_that_nobody_waits_for_are_written_before_the_process_ends(writer: Writer) -> None:
    async with recording(writer, gather_ms=60_000) as recorder:
        recorder.note(entry("read"))
    assert writer.actions == [OPENED, "read", CLOSED]


async def test_while_the_database_is_away_calls_are_answered_and_the_gap_is_told(writer: Writer) -> None:
    async with recording(writer) as recorder:
        await recorder.keep(entry("before"))
        writer.away = True
        assert not await recorder.keep(entry("first"))
        assert not await recorder.keep(entry("second"))
        recorder.note(entry("third"))
        writer.away = False
        await eventually(lambda: GAP in writer.actions)
        assert await recorder.keep(entry("after"))
    assert writer.actions == [OPENED, "before", "first", "second", "third", GAP, "after", CLOSED]
    gap = next(one for group in writer.groups for one in group if one.action == GAP)
    told = orjson.loads(gap.details)
    assert (gap.outcome, told["late"], told["lost"]) == (AuditOutcome.ok, 3, 0)


async def test_what_finds_no_room_is_counted_in_the_log(writer: Writer) -> None:
    writer.away = True
    async with recording(writer, room=3) as recorder:
        for number in range(10):
            recorder.note(entry(f"call {number}"))
        writer.away = False
        await eventually(lambda: GAP in writer.actions)
    gap = next(one for group in writer.groups for one in group if one.action == GAP)
    kept = sum(action.startswith("call") for action in writer.actions)
    assert (gap.outcome, orjson.loads(gap.details)["lost"]) == (AuditOutcome.failed, 10 - kept)
    assert kept < 10


async def test_where_it_is_required_nothing_is_done_that_cannot_be_written(writer: Writer) -> None:
    async with recording(writer, required=True, wait_ms=50, room=3) as recorder:
        await recorder.ensure(entry("written"))
        recorder.check_room()
        writer.away = True
        with pytest.raises(Unavailable):
            await recorder.ensure(entry("unwritten"))
        for _ in range(3):
            recorder.note(entry("read"))
        with pytest.raises(Unavailable):
            recorder.check_room()
        writer.away = False
        await eventually(lambda: "unwritten" in writer.actions)


async def test_a_database_that_hangs_holds_up_one_call_and_no_more(writer: Writer) -> None:
    async with recording(writer, wait_ms=20) as recorder:
        writer.open.clear()
        assert not await recorder.keep(entry("first"))
        hung = recorder.keep(entry("second"))
        # It does not wait at all: nothing but this coroutine runs.
        with pytest.raises(StopIteration) as ended:
            hung.send(None)
        assert ended.value.value is False
        writer.open.set()
        await eventually(lambda: "second" in writer.actions)


async def test_an_entry_that_cannot_be_written_does_not_spoil_the_others(writer: Writer) -> None:
    async with recording(writer) as recorder:
        calls = [await call_in_hand(writer, recorder)]
        calls += [asyncio.create_task(recorder.keep(entry(action))) for action in ("good", "bad", "fine")]
        await eventually(lambda: recorder.waiting == 3)
        writer.open.set()
        assert all(await asyncio.gather(*calls))
    assert writer.actions == [OPENED, "first", "in hand", "good", "unwritable", "fine", CLOSED]


async def test_parts_that_were_written_are_not_written_again(writer: Writer) -> None:
    writer.fails_once = ["unwritable"]
    async with recording(writer) as recorder:
        calls = [await call_in_hand(writer, recorder)]
        calls += [asyncio.create_task(recorder.keep(entry(action))) for action in ("good", "bad", "fine")]
        await eventually(lambda: recorder.waiting == 3)
        writer.open.set()
        await asyncio.gather(*calls)
        await eventually(lambda: GAP in writer.actions)
    assert writer.actions == [OPENED, "first", "in hand", "good", "unwritable", "fine", GAP, CLOSED]


async def test_what_is_told_after_the_end_is_counted_as_lost(writer: Writer) -> None:
    async with recording(writer) as recorder:
        pass
    assert not await recorder.keep(entry("late"))
    assert "late" not in writer.actions


def test_who_guesses_credentials_does_not_fill_the_log() -> None:
    clock = FakeClock(NOW)
    told: list[Entry] = []

    class Notes:
        def note(self, entry: Entry) -> None:
            told.append(entry)

    turned_away = TurnedAway(Notes(), clock, TurningLimits(window_s=60, of_one_client=2, in_all=5))
    for number in range(50):
        client = f"10.0.0.{number % 5}"
        turned_away.note(Attempt("POST", "/mcp", Caller(None, client)), of_status(401, None))
    assert len(told) == 5
    clock.advance(61)
    turned_away.tick()
    assert told[-1].action == "authentication.suppressed"
    assert orjson.loads(told[-1].details)["requests"] == 45
    turned_away.note(Attempt("POST", "/mcp", Caller(None, "10.0.0.9")), of_status(401, None))
    assert len(told) == 7

"""The spool on a real disk: nothing that was promised is lost, whatever happens to the process."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from json import loads
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from worker_agent.errors import EventTooLarge, SpoolFull, SpoolUnavailable
from worker_agent.ports import SealedBatch
from worker_agent.spool import committer
from worker_agent.spool import spool as module
from worker_agent.spool.disk import Disk, Job
from worker_agent.spool.limits import REFUSED, SpoolLimits
from worker_agent.spool.records import Seal, StoredEvent, decode_all
from worker_agent.spool.spool import Spool

SMALL = SpoolLimits(max_bytes=64_000, reserve_bytes=8_000, segment_bytes=4_000, max_event_bytes=2_000)


@asynccontextmanager
async def opened(folder: Path, limits: SpoolLimits = SMALL) -> AsyncGenerator[Spool]:
    spool = await Spool.open(folder, limits, lambda subject: subject == "last")
    try:
        yield spool
    finally:
        await spool.close()


def contents(batch: SealedBatch) -> list[int]:
    return [event["n"] for event in loads(batch.message)["events"]]


def files(folder: Path, suffix: str = ".seg") -> list[Path]:
    return sorted(folder.glob(f"*{suffix}"))


async def put(spool: Spool, number: int, subject: str = "a", **options: bool) -> int:
    return await spool.append(subject, b'{"n":%d}' % number, 1_000 + number, **options)


async def drain(spool: Spool) -> list[SealedBatch]:
    taken: list[SealedBatch] = []
    while spool.events:
        batches = await spool.seal()
        spool.acknowledge([batch.message_id for batch in batches])
        taken += batches
    return taken


async def test_events_come_out_in_order_with_dense_numbers(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await asyncio.gather(*(put(spool, number) for number in range(700)))
        batches = await drain(spool)
    assert [number for batch in batches for number in contents(batch)] == list(range(700))
    assert [loads(batch.message)["batch"] for batch in batches] == [1, 2, 3]
    assert [batch.message_id for batch in batches] == [f"{spool.producer}.a.{n}" for n in (1, 2, 3)]
    assert loads(batches[0].message)["producer"] == f"{spool.producer}.a"


async def test_what_the_broker_does_not_have_is_there_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await asyncio.gather(*(put(spool, number) for number in range(5)))
        (sealed,) = await spool.seal()
        await put(spool, 5)
        await put(spool, 6, "b")
    async with opened(tmp_path) as again:
        assert again.producer == spool.producer
        batches = {batch.subject: batch for batch in await again.seal()}
        assert batches["a"] == sealed
        assert contents(batches["b"]) == [6]
        again.acknowledge([batch.message_id for batch in batches.values()])
        assert [contents(batch) for batch in await drain(again)] == [[5]]


async def test_after_the_machine_was_down_no_number_of_the_old_name_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as spool:
        await put(spool, 1)
        (sealed,) = await spool.seal()
        await put(spool, 2)
    boot = tmp_path / "boot"
    boot.write_text("another run of the machine")
    monkeypatch.setattr(module, "BOOT_ID", boot)
    for _ in range(2):
        async with opened(tmp_path) as again:
            assert again.producer != spool.producer
            assert await again.seal() == [sealed]
    async with opened(tmp_path) as last:
        batches = await drain(last)
    assert [batch.message_id for batch in batches] == [sealed.message_id, f"{last.producer}.a.1"]


async def test_what_the_broker_has_is_gone_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        for number in range(300):
            await put(spool, number)
        last = len(await drain(spool))
    async with opened(tmp_path) as again:
        assert again.events == 0
        await put(again, 1)
        assert [batch.message_id for batch in await drain(again)] == [f"{spool.producer}.a.{last + 1}"]


async def test_files_that_are_done_with_are_removed(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        for number in range(400):
            await put(spool, number)
        assert len(files(tmp_path)) >= 3
        await drain(spool)
        await eventually(lambda: len(files(tmp_path)) == 1)
        assert spool.stats().file_bytes < SMALL.segment_bytes * 2


async def test_a_full_spool_refuses_clearly_and_keeps_room_for_the_last_word(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        before = _refused()
        results = [await _try(spool) for _ in range(100)]
        assert results.index("full") > 40
        assert _refused() - before == results.count("full")
        with pytest.raises(SpoolFull, match="not recorded"):
            await spool.append("a", b"x" * 1_000, 1)
        await put(spool, 1, "last", reserved=True)
        batches = await drain(spool)
        assert batches[-1].subject == "last"
        await eventually(lambda: spool.stats().file_bytes < SMALL.max_bytes / 2)
        await put(spool, 2)


def _refused() -> float:
    return REFUSED.labels(SpoolFull.code)._value.get()


async def test_who_stops_waiting_for_a_commit_stops_nobody_else(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await put(spool, 1)
        sealing = asyncio.create_task(spool.seal())
        await asyncio.sleep(0)
        sealing.cancel()
        await asyncio.wait([sealing])
        await put(spool, 2)
        assert [number for batch in await drain(spool) for number in contents(batch)] == [1, 2]


async def _try(spool: Spool) -> str:
    try:
        await spool.append("a", b"x" * 1_000, 1)
    except SpoolFull:
        return "full"
    return "stored"


async def test_an_event_that_no_message_could_hold_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        with pytest.raises(EventTooLarge, match="at most 2000 bytes"):
            await spool.append("a", b"x" * 2_000, 1)


async def test_the_last_word_is_delivered_after_all_else(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        first = await put(spool, 1)
        end = await put(spool, 2, "last")
        (batch,) = await spool.seal()
        assert (contents(batch), spool.is_delivered(first)) == ([1], False)
        spool.acknowledge([batch.message_id])
        assert (spool.is_delivered(first), spool.is_delivered(end)) == (True, False)
        await drain(spool)
        assert spool.is_delivered(end)


async def test_the_age_of_the_oldest_event_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        assert spool.stats().oldest_ms is None
        await put(spool, 1)
        await put(spool, 2)
        stats = spool.stats()
    assert (stats.events, stats.oldest_ms) == (2, 1_001)


async def test_a_disk_that_fails_is_told_and_the_spool_goes_on_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perform = Disk.perform
    async with opened(tmp_path) as spool:
        await put(spool, 1)

        def fail(_disk: Disk, _job: Job) -> dict[str, bytes]:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Disk, "perform", fail)
        with pytest.raises(SpoolUnavailable, match="No space left"):
            await put(spool, 2)
        with pytest.raises(SpoolUnavailable):
            await spool.seal()
        monkeypatch.setattr(Disk, "perform", perform)
        await put(spool, 3)
        assert [contents(batch) for batch in await drain(spool)] == [[1], [3]]
    async with opened(tmp_path) as again:
        assert again.events == 0


@pytest.mark.parametrize("fast_s", [0.0, 10.0])
async def test_a_commit_may_run_on_the_loop_or_on_its_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast_s: float
) -> None:
    monkeypatch.setattr(committer, "FAST_S", fast_s)
    async with opened(tmp_path) as spool:
        for number in range(100):
            await put(spool, number)
        batches = await drain(spool)
    assert [number for batch in batches for number in contents(batch)] == list(range(100))


async def test_a_damaged_segment_costs_nothing_of_the_others_and_is_kept_for_a_look(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        for number in range(300):
            await put(spool, number)
    segments = files(tmp_path)
    content = bytearray(segments[1].read_bytes())
    content[100] ^= 255
    segments[1].write_bytes(content)
    async with opened(tmp_path) as again:
        numbers = [number for batch in await drain(again) for number in contents(batch)]
    assert numbers == sorted(numbers)
    assert 150 < len(numbers) < 300
    assert [path.stem for path in files(tmp_path, ".damaged")] == [segments[1].stem]


async def _filled(folder: Path) -> tuple[list[int], dict[str, bytes]]:
    """A spool with batches acknowledged, batches on their way, and events unsealed; where each record ends."""
    async with opened(folder, SpoolLimits()) as spool:
        for number in range(4):
            await put(spool, number, "ab"[number % 2])
        for batch in await spool.seal():
            spool.acknowledge([batch.message_id])
        for number in range(4, 8):
            await put(spool, number, "ab"[number % 2])
        sealed = {batch.message_id: batch.message for batch in await spool.seal()}
        for number in range(8, 12):
            await put(spool, number, "ab"[number % 2])
    return list(range(4, 12)), sealed


async def _every_cut(folder: Path) -> None:
    waiting, sealed = await _filled(folder / "whole")
    (segment,) = files(folder / "whole")
    content = segment.read_bytes().rstrip(b"\0")
    for at in range(len(content) + 1):
        broken = folder / str(at)
        broken.mkdir()
        (broken / segment.name).write_bytes(DAMAGES[at % len(DAMAGES)](content, at))
        await _opens_and_goes_on(broken, content[:at], waiting, sealed)
        shutil.rmtree(broken)


async def _opens_and_goes_on(folder: Path, whole: bytes, waiting: list[int], sealed: dict[str, bytes]) -> None:
    records = [record for _, _, record in decode_all(whole)]
    written = [loads(record.payload)["n"] for record in records if isinstance(record, StoredEvent)]
    async with opened(folder, SpoolLimits()) as spool:
        batches = await drain(spool)
        # All that was acknowledged to an agent is there. What the broker had comes again if only that word is cut
        # off, in the same batch, so it is told from a new one.
        kept = [number for batch in batches for number in contents(batch)]
        assert len(kept) == len(set(kept))
        assert set(written) & set(waiting) <= set(kept) <= set(written)
        seals = {(record.subject, record.batch) for record in records if isinstance(record, Seal)}
        for batch in batches:
            if (batch.subject, loads(batch.message)["batch"]) in seals:
                assert sealed.get(batch.message_id, batch.message) == batch.message
        for subject in "ab":
            of = [number for batch in batches if batch.subject == subject for number in contents(batch)]
            assert of == sorted(of)
        used = {batch.message_id for batch in batches}
        await put(spool, 99)
        (last,) = await drain(spool)
        assert (contents(last), last.message_id in used) == ([99], False)
    async with opened(folder, SpoolLimits()) as again:
        assert again.events == 0
        await put(again, 100)
        assert [contents(batch) for batch in await drain(again)] == [[100]]


DAMAGES: tuple[Callable[[bytes, int], bytes], ...] = (
    lambda content, at: content[:at],
    lambda content, at: content[:at] + bytes(64),
    lambda content, at: content[:at] + b"\xa5" * (len(content) - at),
    lambda content, at: content[:at] + content[:40],
)


async def test_a_tail_that_is_torn_at_any_byte_costs_nothing_that_was_whole() -> None:
    # In memory where that is possible: the spool is opened a thousand times, and each time it syncs.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="mews-spool-", dir=memory) as folder:
        await _every_cut(Path(folder))

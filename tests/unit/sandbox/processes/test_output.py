from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.sandbox import OutputChunk, StreamName
from sandbox.processes.output import CHUNK_BYTES, MERGE_MS, RECORD, Journal, split_utf8

OUT, ERR = StreamName.STDOUT, StreamName.STDERR


async def read(journal: Journal, offset: int = 0, stream: StreamName | None = None) -> list[OutputChunk]:
    return [chunk async for chunk in journal.follow(offset, stream, wait=False)]


@given(st.text(), st.integers(min_value=0, max_value=40))
def test_a_cut_never_falls_into_a_character(text: str, at: int) -> None:
    data = text.encode()
    whole, rest = split_utf8(data[:at])
    assert whole + rest == data[:at]
    assert data.decode().startswith(whole.decode())
    assert len(rest) < 4


@given(st.binary())
def test_bytes_that_are_no_text_are_not_held_back_for_long(data: bytes) -> None:
    whole, rest = split_utf8(data)
    assert whole + rest == data
    assert len(rest) <= 3


@given(st.lists(st.tuples(st.sampled_from(StreamName), st.binary(max_size=30), st.integers(0, 30)), max_size=20))
async def test_what_was_appended_is_read_back_from_any_offset(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[StreamName, bytes, int]]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal"), "p", 10_000)
    now = 0
    for stream, data, later in parts:
        now += later
        assert journal.append(stream, data, now)
    for stream in StreamName:
        journal.finish(stream, now)
        expected = b"".join(data for name, data, _ in parts if name is stream)
        chunks = await read(journal, stream=stream)
        assert sum(chunk.size for chunk in chunks) == len(expected) == journal.sizes[stream]
    whole = await read(journal)
    assert [chunk.offset for chunk in whole[1:]] == [chunk.offset + chunk.size for chunk in whole[:-1]]
    for offset in range(0, journal.size, 7):
        tail = await read(journal, offset)
        assert tail[0].offset == offset
        assert sum(chunk.size for chunk in tail) == journal.size - offset
    journal.close()


async def test_small_writes_in_quick_succession_share_a_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "p", 1_000_000)
    for n in range(1000):
        journal.append(OUT, b"x", n // 100)
    journal.close()
    assert (tmp_path / "p.index").stat().st_size == RECORD.size
    assert [(chunk.size, chunk.text) for chunk in await read(journal)] == [(1000, "x" * 1000)]


async def test_a_chunk_is_never_larger_than_its_bound(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "p", 10 * CHUNK_BYTES)
    journal.append(OUT, "ü".encode() * CHUNK_BYTES, 0)
    journal.close()
    chunks = await read(journal)
    assert max(chunk.size for chunk in chunks) <= CHUNK_BYTES
    assert "".join(chunk.text for chunk in chunks) == "ü" * CHUNK_BYTES


async def test_output_above_the_cap_is_cut_and_said_to_be(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "p", 100)
    assert journal.append(OUT, b"12345678" * 12, 0)
    assert not journal.truncated
    assert not journal.append(ERR, b"abcdef", 0)
    assert journal.truncated
    journal.close()
    assert [(chunk.stream, chunk.text) for chunk in await read(journal)] == [(OUT, "12345678" * 12), (ERR, "abcd")]


async def test_records_are_capped_as_well_as_bytes(tmp_path: Path) -> None:
    cap = 240
    journal = Journal(tmp_path, "p", cap)
    kept = [journal.append(stream, b"x", n * MERGE_MS) for n in range(50) for stream in (OUT, ERR)]
    journal.close()
    assert kept.count(True) == cap // RECORD.size
    assert (tmp_path / "p.index").stat().st_size <= cap


async def test_a_name_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "p.output").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        Journal(tmp_path, "p", 10)
    assert not (tmp_path / "elsewhere").exists()

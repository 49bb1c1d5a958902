"""The output of a process: kept whole on disk up to a cap, read back from any offset.

Two files: one holds the bytes of both streams in the order in which they were read, as a terminal would show them; the
other a record of fixed size for each chunk, so that an offset is found by halving. Nothing grows in memory.
"""

import asyncio
import os
import struct
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import NamedTuple

from contracts.sandbox import OutputChunk, StreamName
from sandbox.clock import from_ms

RECORD = struct.Struct("<QQII")  # offset, time in ms, size, stream
CHUNK_BYTES = 64 * 1024
MERGE_MS = 20
STREAMS = (StreamName.STDOUT, StreamName.STDERR)


class Chunk(NamedTuple):
    """Where a chunk of output lies, which stream it came from, and when."""

    offset: int
    at_ms: int
    size: int
    stream: int


class Journal:
    """The output of one process. `append` is called as output comes; any number of readers may follow.

    `cap_bytes` is how much is kept; it may change on the way.
    """

    def __init__(self, folder: Path, name: str, cap_bytes: int) -> None:
        self._paths = paths_of(folder, name)
        self._data, self._index = (_open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC) for path in self._paths)
        self.cap_bytes = cap_bytes
        self._records = 0
        self._last: Chunk | None = None
        self._rests = dict.fromkeys(STREAMS, b"")
        self._closed = False
        self._grown = asyncio.Event()
        self.size = 0
        self.sizes = dict.fromkeys(STREAMS, 0)
        self.truncated = False

    @classmethod
    def of_the_past(cls, folder: Path, name: str) -> "Journal":
        """The output of a process of an earlier sandbox, as far as it was recorded; nothing more comes."""
        journal = cls.__new__(cls)
        journal._paths = paths_of(folder, name)
        journal._closed, journal._grown = True, asyncio.Event()
        journal.cap_bytes, journal.truncated = 0, False
        journal._records, journal.size, journal.sizes = _recorded(journal._paths[1])
        return journal

    def append(self, stream: StreamName, data: bytes, at_ms: int) -> bool:
        """Keep what was read; False when the cap cuts it off. A character that is cut in two waits for its rest."""
        whole, self._rests[stream] = split_utf8(self._rests[stream] + data)
        return self._keep(stream, whole, at_ms)

    def finish(self, stream: StreamName, at_ms: int) -> None:
        """Say that a stream is at its end."""
        rest, self._rests[stream] = self._rests[stream], b""
        self._keep(stream, rest, at_ms)

    def close(self) -> None:
        """Say that nothing more comes; followers go on to the end and stop."""
        if not self._closed:
            self._closed = True
            os.close(self._data)
            os.close(self._index)
        self._wake()

    async def follow(self, offset: int, stream: StreamName | None, *, wait: bool) -> AsyncGenerator[OutputChunk]:
        """Chunks from an offset on, of one stream or both; with `wait`, until the output is at its end."""
        data, index = (_open(path, os.O_RDONLY) for path in self._paths)
        try:
            while True:
                grown = self._grown
                while offset < self.size:
                    chunk = _chunk_at(index, self._records, offset)
                    offset = chunk.offset + chunk.size
                    if stream is None or STREAMS[chunk.stream] is stream:
                        yield _render(chunk, os.pread(data, chunk.size, chunk.offset))
                if self._closed or not wait:
                    return
                await grown.wait()
        finally:
            os.close(data)
            os.close(index)

    def _keep(self, stream: StreamName, data: bytes, at_ms: int) -> bool:
        room = max(0, self.cap_bytes - self.size)
        if self._records * RECORD.size >= self.cap_bytes:
            room = 0
        kept = data[:room]
        self.truncated = self.truncated or len(kept) < len(data)
        fits = len(kept) == len(data)
        while kept:
            piece = split_utf8(kept[:CHUNK_BYTES])[0] or kept
            self._write(stream, piece, at_ms)
            kept = kept[len(piece) :]
        self._wake()
        return fits

    def _write(self, stream: StreamName, data: bytes, at_ms: int) -> None:
        os.pwrite(self._data, data, self.size)
        chunk = Chunk(self.size, at_ms, len(data), STREAMS.index(stream))
        last = self._last
        if last is not None and _belongs(last, chunk):
            chunk = last._replace(size=last.size + chunk.size)
            self._records -= 1
        os.pwrite(self._index, RECORD.pack(*chunk), self._records * RECORD.size)
        self._records += 1
        self._last = chunk
        self.size += len(data)
        self.sizes[stream] += len(data)

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()


def paths_of(folder: Path, name: str) -> tuple[Path, Path]:
    """Where the bytes of a process's output lie, and the record of its chunks."""
    return folder / f"{name}.output", folder / f"{name}.index"


def split_utf8(data: bytes) -> tuple[bytes, bytes]:
    """Cut off a character that is begun at the end of the data, but not whole; bytes that are no UTF-8 stay."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte & 0b1100_0000 == 0b1000_0000:
            continue
        if byte >= 0b1100_0000 and _length(byte) > back:
            return data[:-back], data[-back:]
        break
    return data, b""


def _length(lead: int) -> int:
    if lead >= 0b1111_0000:
        return 4
    return 3 if lead >= 0b1110_0000 else 2


def _belongs(last: Chunk, chunk: Chunk) -> bool:
    """Whether a chunk is so near to the last one that one record does for both."""
    near = last.stream == chunk.stream and chunk.at_ms - last.at_ms < MERGE_MS
    return near and last.size + chunk.size <= CHUNK_BYTES


def _render(chunk: Chunk, data: bytes) -> OutputChunk:
    return OutputChunk(
        stream=STREAMS[chunk.stream],
        offset=chunk.offset,
        size=len(data),
        seen_at=from_ms(chunk.at_ms),
        text=data.decode("utf-8", errors="replace"),
    )


def _chunk_at(index: int, records: int, offset: int) -> Chunk:
    """The chunk that holds this offset, cut so that it begins there."""
    low, high = 0, records - 1
    while low < high:
        middle = (low + high + 1) // 2
        if _record(index, middle).offset <= offset:
            low = middle
        else:
            high = middle - 1
    chunk = _record(index, low)
    return chunk._replace(offset=offset, size=chunk.offset + chunk.size - offset)


def _record(index: int, number: int) -> Chunk:
    return Chunk(*RECORD.unpack(os.pread(index, RECORD.size, number * RECORD.size)))


def _recorded(index: Path) -> tuple[int, int, dict[StreamName, int]]:
    """How many chunks are recorded, the bytes in all of them, and those of each stream."""
    sizes = dict.fromkeys(STREAMS, 0)
    content = index.read_bytes() if index.is_file() else b""
    records = len(content) // RECORD.size
    for position in range(records):
        chunk = Chunk(*RECORD.unpack_from(content, position * RECORD.size))
        sizes[STREAMS[chunk.stream]] += chunk.size
    return records, sum(sizes.values()), sizes


def _open(path: Path, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

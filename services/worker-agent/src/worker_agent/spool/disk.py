"""The spool's files. Everything here blocks, and one thing is done at a time."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from servicekit.logs import get_logger
from worker_agent.spool.index import Batch, place_of
from worker_agent.spool.records import Header, Record, decode_all, encode, payload_of

SUFFIX = ".seg"
ONE_READ_BYTES = 2 * 1024 * 1024
WRITING = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
GROWTH_BYTES = 1024 * 1024
"""A file grows by this much zeros at a time: syncing what lies within it costs a fraction of syncing a new length."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One group commit: bytes for one segment, synced or not; then segments to remove, and batches to read back."""

    segment: int
    opening: Header | None
    data: bytes
    events: int
    sync: bool
    load: tuple[Batch, ...] = ()
    remove: tuple[int, ...] = ()


class Disk:
    """The folder of segments; the newest one is written, all can be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._lengths: dict[int, int] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def segments(self) -> list[int]:
        """Numbers of the segments that are there, oldest first."""
        return sorted(int(path.stem) for path in self._folder.glob(f"*{SUFFIX}"))

    def size(self, segment: int) -> int:
        """Bytes of a segment that are whole."""
        return self._sizes[segment]

    def scan(self, segment: int) -> Iterator[tuple[int, int, Record]]:
        """Every whole record of a segment, up to its end or the first that is damaged; what follows is cut off.

        At the end of the newest segment that was never promised to anyone; elsewhere a copy of it is kept.
        """
        data = self._path(segment).read_bytes()
        end = 0
        for offset, size, record in decode_all(data):
            end = offset + size
            yield offset, size, record
        self._sizes[segment] = self._lengths[segment] = end
        if end < len(data):
            if any(data[end:]):
                self._put_aside(segment, end, data)
            os.ftruncate(self._file(segment), end)
            os.fsync(self._file(segment))

    def perform(self, job: Job) -> dict[str, bytes]:
        """Write; then the joined events of each batch to load, by message id, without those that cannot be read now.

        Raises OSError: then nothing of the data was kept.
        """
        if job.opening is not None:
            self._open_new(job.segment, job.opening)
        if job.data or job.sync:
            self._append(job.segment, job.data, sync=job.sync)
        for segment in job.remove:
            self._remove(segment)
        return {batch.message_id: joined for batch in job.load if (joined := self._joined(batch)) is not None}

    def first_event_ms(self, position: int) -> int:
        """When the event at a position was spooled."""
        segment, offset = place_of(position)
        frame = os.pread(self._file(segment), 64, offset)
        return int.from_bytes(frame[9:17], "little")

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()

    def _path(self, segment: int) -> Path:
        return self._folder / f"{segment:010d}{SUFFIX}"

    def _put_aside(self, segment: int, end: int, data: bytes) -> None:
        if segment == self.segments()[-1]:
            log.warning("spool_tail_cut", segment=segment, whole_bytes=end)
            return
        copy = self._path(segment).with_suffix(".damaged")
        copy.write_bytes(data)
        log.error("spool_segment_damaged", segment=segment, whole_bytes=end, copy=str(copy))

    def _file(self, segment: int) -> int:
        if segment not in self._files:
            self._files[segment] = os.open(self._path(segment), WRITING, 0o600)
        return self._files[segment]

    def _open_new(self, segment: int, header: Header) -> None:
        with suppress(FileNotFoundError):
            # Left over from an attempt to open it that failed: nothing in it was promised.
            self._path(segment).unlink()
        self._close_file(segment)
        self._trim(segment - 1)
        self._sizes[segment] = self._lengths[segment] = 0
        self._append(segment, encode(header), sync=True)
        _sync_folder(self._folder)

    def _trim(self, segment: int) -> None:
        """Sync a segment that will not grow any more, without the zeros at its end."""
        if segment in self._files:
            os.ftruncate(self._files[segment], self._sizes[segment])
            os.fsync(self._files[segment])
            self._lengths[segment] = self._sizes[segment]

    def _append(self, segment: int, data: bytes, *, sync: bool) -> None:
        file, size = self._file(segment), self._sizes[segment]
        end = size + len(data)
        try:
            if end > self._lengths[segment]:
                _write_all(file, bytes(end - size + GROWTH_BYTES), size)
                self._lengths[segment] = end + GROWTH_BYTES
            _write_all(file, data, size)
            if sync:
                os.fdatasync(file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, size)
                self._lengths[segment] = size
            raise
        self._sizes[segment] = end

    def _joined(self, batch: Batch) -> bytes | None:
        try:
            payloads = [payload_of(frame) for frame in self._frames(batch)]
        except OSError as error:
            log.error("spool_read_failed", batch=batch.message_id, error=str(error))
            return None
        whole = [payload for payload in payloads if payload is not None]
        if len(whole) < len(payloads):
            log.error("spool_events_damaged", batch=batch.message_id, events=len(payloads) - len(whole))
        return b",".join(whole)

    def _frames(self, batch: Batch) -> list[bytes]:
        first, last = place_of(batch.positions[0]), place_of(batch.positions[-1])
        span = last[1] + batch.sizes[-1] - first[1]
        places = [(place_of(position), size) for position, size in zip(batch.positions, batch.sizes, strict=True)]
        if first[0] != last[0] or span > ONE_READ_BYTES:
            return [os.pread(self._file(segment), size, offset) for (segment, offset), size in places]
        block = os.pread(self._file(first[0]), span, first[1])
        return [block[offset - first[1] : offset - first[1] + size] for (_, offset), size in places]

    def _remove(self, segment: int) -> None:
        self._close_file(segment)
        self._sizes.pop(segment, None)
        self._lengths.pop(segment, None)
        with suppress(FileNotFoundError):
            self._path(segment).unlink()

    def _close_file(self, segment: int) -> None:
        file = self._files.pop(segment, None)
        if file is not None:
            os.close(file)


def _write_all(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The journal: what must be known again after a crash, as small files that are replaced whole."""

import asyncio
import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from servicekit.logs import get_logger
from worker_agent.domain import AttemptKey, AttemptRecord, WorkerState

Result = TypeVar("Result")

RECORD, MARK, STATE, ALIVE, STOPPED = ".json", ".offset", "worker.json", "alive", "stopped"
MARK_BYTES = 8
PERCENT = struct.Struct("<d")
"""How the percent lies in the file of marks, behind the offset."""

log = get_logger(__name__)


class FileJournal:
    """A folder with one file an attempt; only this user can read it, since it holds the tasks' own secrets."""

    def __init__(self, folder: Path) -> None:
        self._attempts = folder / "attempts"
        self._state, self._alive, self._stopped = folder / STATE, folder / ALIVE, folder / STOPPED
        self._attempts.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._marks: dict[AttemptKey, int] = {}
        self._thread = ThreadPoolExecutor(1, "journal")

    async def save(self, record: AttemptRecord) -> None:
        """Write the state of an attempt; on disk when this returns."""
        await self._in_order(lambda: _replace(self._file(record.key, RECORD), record.to_json()))

    async def load(self) -> list[AttemptRecord]:
        """All attempts that are known; a file that cannot be read is put aside."""
        return await self._in_order(lambda: [record for path in self._paths() if (record := _read(path)) is not None])

    async def remove(self, key: AttemptKey) -> None:
        """Forget an attempt."""
        mark = self._marks.pop(key, None)
        if mark is not None:
            os.close(mark)
        for suffix in (MARK, RECORD):
            self._file(key, suffix).unlink(missing_ok=True)

    def mark_output(self, key: AttemptKey, offset: int) -> None:
        """Note how far the output is reported. It survives this process, though perhaps not the machine."""
        os.pwrite(self._mark(key), offset.to_bytes(MARK_BYTES, "little"), 0)

    def output_mark(self, key: AttemptKey) -> int:
        """How far the output was reported; 0 for an attempt that is new."""
        return int.from_bytes(os.pread(self._mark(key), MARK_BYTES, 0), "little")

    def mark_progress(self, key: AttemptKey, percent: float) -> None:
        """Note how much the agent says is done. It survives this process, though perhaps not the machine."""
        os.pwrite(self._mark(key), PERCENT.pack(percent), MARK_BYTES)

    def progress_mark(self, key: AttemptKey) -> float:
        """How much the agent said was done; 0 if it said nothing."""
        noted = os.pread(self._mark(key), PERCENT.size, MARK_BYTES)
        return PERCENT.unpack(noted)[0] if len(noted) == PERCENT.size else 0.0

    def mark_alive(self, now: datetime) -> None:
        """Note that this worker lives; survives this process, though perhaps not the machine."""
        # In place and always of one length: it is never empty, and needs no room on a disk that is full.
        file = os.open(self._alive, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(file, now.isoformat(timespec="microseconds").encode(), 0)
        finally:
            os.close(file)

    def last_alive(self) -> datetime | None:
        """When this worker was last known to live; None if it is new."""
        with suppress(FileNotFoundError, ValueError):
            return datetime.fromisoformat(self._alive.read_text())
        return None

    def mark_stopped(self) -> None:
        """Note that this worker ends in order."""
        self._stopped.touch()

    def stopped_in_order(self) -> bool:
        """Whether it ended in order the last time; asking forgets it."""
        with suppress(FileNotFoundError):
            self._stopped.unlink()
            return True
        return False

    async def save_state(self, state: WorkerState) -> None:
        """Write what commands changed about this worker."""
        await self._in_order(lambda: _replace(self._state, state.to_json()))

    def load_state(self) -> WorkerState:
        """What commands changed before; nothing, if this worker is new."""
        with suppress(FileNotFoundError):
            return WorkerState.model_validate_json(self._state.read_bytes())
        return WorkerState()

    def close(self) -> None:
        """Close all files."""
        for mark in self._marks.values():
            os.close(mark)
        self._marks.clear()
        self._thread.shutdown()

    async def _in_order(self, work: Callable[[], Result]) -> Result:
        # One thread, so that of two writes of one file the later one stays; and each is finished even if nobody waits.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    def _paths(self) -> list[Path]:
        return sorted(self._attempts.glob(f"*{RECORD}"))

    def _file(self, key: AttemptKey, suffix: str) -> Path:
        return self._attempts / f"{key.workspace}{suffix}"

    def _mark(self, key: AttemptKey) -> int:
        if key not in self._marks:
            self._marks[key] = os.open(self._file(key, MARK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._marks[key]


def _read(path: Path) -> AttemptRecord | None:
    try:
        return AttemptRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        aside = path.with_suffix(".damaged")
        log.error("journal_record_damaged", file=str(path), moved_to=str(aside), error=str(error))
        path.replace(aside)
        return None


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync_folder(path.parent)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

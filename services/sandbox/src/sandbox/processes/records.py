"""What is known of each process, on disk beside its output, so that a sandbox that starts anew can tell of it.

Environment and standard input are left out: they may hold credentials. Nothing is forced to the disk: it is the
sandbox that may be killed, not the machine.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.sandbox import Process
from sandbox.logs import fields
from sandbox.processes.output import paths_of

SUFFIX = ".process.json"

log = logging.getLogger(__name__)


class Record(BaseModel):
    """A process as it was last known; `root_pid` and `root_born` (ticks since the machine started) name its root."""

    model_config = ConfigDict(frozen=True)

    number: int
    process: Process
    root_pid: int
    root_born: int


def save(folder: Path, record: Record) -> None:
    """Write a record in one step; what goes wrong is logged, since no process shall fail by it."""
    path = folder / f"{record.process.process_id}{SUFFIX}"
    part = path.with_suffix(".part")
    try:
        part.write_text(record.model_dump_json())
        part.replace(path)
    except OSError as error:
        log.error("record not written", extra=fields(process_id=record.process.process_id, error=error.strerror))


def load(folder: Path) -> Iterator[Record]:
    """All records in a folder; one that cannot be read is logged and left out."""
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            yield Record.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            log.error("record not read", extra=fields(path=path.name, error=type(error).__name__))


def forget(folder: Path, process_id: str) -> None:
    """Remove what is on disk of a process: its record and its output."""
    for path in (folder / f"{process_id}{SUFFIX}", *paths_of(folder, process_id)):
        try:
            os.unlink(path)
        except OSError:
            continue

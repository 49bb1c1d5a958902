"""Which of the files that a run wrote may be reports and are worth reading."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from contracts.sandbox import FileEntry

MB = 1024 * 1024
MOST_FILES = 50
MOST_BYTES, MOST_BYTES_TOGETHER = 4 * MB, 16 * MB
OTHERS = frozenset({"node_modules", "site-packages", ".git", ".venv", "venv", ".tox", ".nox", "vendor"})
"""Folders of what is not the project's own."""


def worth_reading(entries: Iterable[FileEntry], since: datetime) -> Iterator[FileEntry]:
    """The newest files that are not older, within bounds of number and size."""
    fresh = {entry.path: entry for entry in entries if _is_candidate(entry, since)}
    left = MOST_BYTES_TOGETHER
    for entry in sorted(fresh.values(), key=lambda entry: entry.modified_at, reverse=True)[:MOST_FILES]:
        if entry.size_bytes <= left:
            left -= entry.size_bytes
            yield entry


def _is_candidate(entry: FileEntry, since: datetime) -> bool:
    return (
        entry.kind == "file"
        and entry.modified_at >= since
        and 0 < entry.size_bytes <= MOST_BYTES
        and not OTHERS & set(entry.path.split("/")[:-1])
    )

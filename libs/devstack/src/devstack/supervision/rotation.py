"""Keep logs from growing without end."""

import shutil
from pathlib import Path

MAX_BYTES = 20 * 1024 * 1024
KEEP = 3


def rotate(log: Path, max_bytes: int = MAX_BYTES, keep: int = KEEP) -> bool:
    """Move a large log's content to `<log>.1` (older ones to .2 …) and empty it; say whether it was done.

    The file stays the same, since its writer has it open for appending.
    """
    if not log.exists() or log.stat().st_size <= max_bytes:
        return False
    for number in range(keep - 1, 0, -1):
        older = _numbered(log, number)
        if older.exists():
            older.replace(_numbered(log, number + 1))
    shutil.copyfile(log, _numbered(log, 1))
    with log.open("r+b") as file:
        file.truncate(0)
    return True


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")

"""Reading what git says of changes between two trees."""

from typing import Literal

from contracts.sandbox import FileChange

Status = Literal["added", "modified", "deleted", "renamed", "copied", "type_changed"]

STATUSES: dict[str, Status] = {
    "A": "added",
    "M": "modified",
    "D": "deleted",
    "R": "renamed",
    "C": "copied",
    "T": "type_changed",
}


def parse(numstat: str, name_status: str) -> list[FileChange]:
    """Join `--numstat -z` and `--name-status -z` of the same two trees into one list, in git's order."""
    counts = _counts(numstat)
    fields = iter(name_status.split("\0"))
    changes: list[FileChange] = []
    for letter in fields:
        if not letter:
            continue
        status = STATUSES[letter[0]]
        previous = next(fields) if status in ("renamed", "copied") else None
        path = next(fields)
        added, removed = counts.get(path, (None, None))
        changes.append(
            FileChange(path=path, previous_path=previous, status=status, added_lines=added, removed_lines=removed)
        )
    return changes


def _counts(numstat: str) -> dict[str, tuple[int | None, int | None]]:
    """Lines added and removed by path; a rename has an empty path, and then the old and the new one."""
    counts: dict[str, tuple[int | None, int | None]] = {}
    fields = iter(numstat.split("\0"))
    for field in fields:
        if not field:
            continue
        added, removed, path = field.split("\t", 2)
        if not path:
            next(fields)
            path = next(fields)
        counts[path] = (_count(added), _count(removed))
    return counts


def _count(text: str) -> int | None:
    return None if text == "-" else int(text)

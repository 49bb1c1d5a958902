"""Writes the audit's document into the workspace, out of the way of the project's own files."""

import os
from pathlib import Path

from auditor.completion import REPORT_PATH
from auditor.errors import MeasurementError


def write_report(root: Path, text: str) -> Path:
    """Write `.mews/AUDIT.md`; the folder ignores itself in git. Raises MeasurementError if that is not possible."""
    path = root / REPORT_PATH
    try:
        path.parent.mkdir(exist_ok=True)
        # A repository may hold a link of this name: it must not lead the document elsewhere.
        if path.parent.is_symlink():
            raise MeasurementError(f"{path.parent.name} is a link, so the report was not written")
        _write(path.parent / ".gitignore", "*\n")
        _write(path, text)
    except OSError as error:
        raise MeasurementError(f"{REPORT_PATH} cannot be written: {error.strerror}") from error
    return path


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with open(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)

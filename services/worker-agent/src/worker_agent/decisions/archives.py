"""Checkpoints as archives: a gzipped tar of `checkpoint.json`, and of the saved files below `files/`."""

import tarfile
from collections.abc import Iterable, Iterator
from gzip import GzipFile
from io import BytesIO
from pathlib import PurePosixPath
from typing import NamedTuple
from zlib import error as ZlibError

from pydantic import ValidationError

from contracts.events.deliverables import CheckpointManifest
from worker_agent.errors import CheckpointDamaged

MANIFEST, FILES = "checkpoint.json", "files/"
MOST_FILES = 10_000
HEADERS_BYTES = MOST_FILES * 4_096
"""Most that the archive's own headers and padding take."""
LEVEL = 3
MEBIBYTE = 1024 * 1024


class SavedFile(NamedTuple):
    """A file of a workspace: path relative to it, content, and whether it is a program."""

    path: str
    content: bytes
    executable: bool = False


def pack(manifest: CheckpointManifest, files: Iterable[SavedFile]) -> bytes:
    """The archive of a checkpoint."""
    target = BytesIO()
    saved_at = int(manifest.saved_at.timestamp())
    with tarfile.open(fileobj=target, mode="w:gz", compresslevel=LEVEL, format=tarfile.PAX_FORMAT) as archive:
        for path, content, executable in (SavedFile(MANIFEST, manifest.to_json()), *_below(FILES, files)):
            member = tarfile.TarInfo(path)
            member.size, member.mtime, member.mode = len(content), saved_at, 0o755 if executable else 0o644
            archive.addfile(member, BytesIO(content))
    return target.getvalue()


def unpack(archive: bytes, most_bytes: int) -> tuple[CheckpointManifest, list[SavedFile]]:
    """What is in an archive. Raises CheckpointDamaged for one that is broken, too large, or has odd paths in it."""
    try:
        files = list(_members(_inflated(archive, most_bytes + HEADERS_BYTES)))
        manifest = next(file.content for file in files if file.path == MANIFEST)
        saved = [_saved(file) for file in files if file.path != MANIFEST]
        return CheckpointManifest.model_validate_json(manifest), saved
    except (tarfile.TarError, OSError, EOFError, ZlibError, StopIteration, ValidationError) as error:
        raise CheckpointDamaged(f"the checkpoint cannot be read: {error or type(error).__name__}") from error


def _below(folder: str, files: Iterable[SavedFile]) -> Iterator[SavedFile]:
    return (file._replace(path=folder + file.path) for file in files)


def _inflated(archive: bytes, most_bytes: int) -> bytes:
    content = GzipFile(fileobj=BytesIO(archive)).read(most_bytes + 1)
    if len(content) > most_bytes:
        raise CheckpointDamaged(f"the checkpoint is larger than the {most_bytes // MEBIBYTE} MB that are unpacked here")
    return content


def _members(content: bytes) -> Iterator[SavedFile]:
    with tarfile.open(fileobj=BytesIO(content), mode="r:") as archive:
        for member in archive:
            # A sparse member would unpack to more than the archive holds.
            file = archive.extractfile(member) if member.isreg() and not member.issparse() else None
            if file is None:
                raise CheckpointDamaged(f"the checkpoint holds {member.name!r}, which is no regular file")
            yield SavedFile(member.name, file.read(), bool(member.mode & 0o100))


def _saved(file: SavedFile) -> SavedFile:
    path = PurePosixPath(file.path.removeprefix(FILES))
    if not file.path.startswith(FILES) or path.is_absolute() or ".." in path.parts or not path.parts:
        raise CheckpointDamaged(f"the checkpoint holds the path {file.path!r}, which leads out of the workspace")
    return file._replace(path=str(path))

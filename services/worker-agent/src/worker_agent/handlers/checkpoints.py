"""Checkpoints: what a later attempt, perhaps on another worker, goes on from."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from contracts.base import JsonObject
from contracts.events.deliverables import Checkpoint, CheckpointManifest, StoredObject
from contracts.rpc import LoadCheckpoint
from contracts.sandbox import FileEntry
from contracts.streams import CHECKPOINTS
from worker_agent.decisions.archives import MOST_FILES, SavedFile, pack, unpack
from worker_agent.decisions.keys import object_key, safe_name
from worker_agent.errors import ObjectRefused, SandboxRefused
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.holding import refuse_if_lost
from worker_agent.handlers.reports import Recorded
from worker_agent.handlers.workshop import Workshop

MEBIBYTE = 1024 * 1024
MEDIA_TYPE = "application/gzip"
LONGEST_GLOB = 128


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint that is kept: its event, where it lies, its files, and what could not be saved with them."""

    recorded: Recorded
    stored: StoredObject
    files: Sequence[str]
    left_out: Sequence[str]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checkpoint that was found, and the files that were written back into the workspace."""

    manifest: CheckpointManifest
    restored: Sequence[str]


async def save_checkpoint(attempt: Attempt, workshop: Workshop, body: Checkpoint) -> Saved:
    """Keep data and files under a name that is this attempt's own; the same name again replaces it.

    Files are kept as they are, the data without the task's secrets: the next attempt has those from its own
    environment. Raises ObjectRefused, RateLimited, AttemptLost, ObjectsUnavailable, and what sandbox and spool raise.
    """
    attempt.reporter.check(body)
    await refuse_if_lost(attempt, workshop)
    async with attempt.depositing:
        found = await _found(attempt, workshop, body.paths)
        files = [file async for file in _read(attempt, workshop, found, body)]
        manifest = _manifest(attempt, workshop, attempt.redactor.body(body), files)
        content = await asyncio.to_thread(pack, manifest, files)
        attempt.throttle.deposit(len(content))
        key = object_key(attempt.key, manifest.name)
        stored = await workshop.objects.put(CHECKPOINTS.name, key, content, MEDIA_TYPE)
    told = body.model_copy(update={"data": {}})
    recorded = await attempt.reporter.report("checkpoint", told, stored=stored)
    left_out = [entry.path for entry in found if entry.kind in ("symlink", "other")]
    return Saved(recorded, stored, manifest.paths, left_out)


async def load_checkpoint(attempt: Attempt, workshop: Workshop, body: LoadCheckpoint) -> Loaded | None:
    """What this attempt, or the latest one before it, saved under a name; None when none did.

    Raises CheckpointDamaged, ObjectsUnavailable, and the errors of the sandbox.
    """
    attempt.reporter.check(body)
    async with attempt.depositing:
        most_bytes = workshop.object_limits.checkpoint_mb * MEBIBYTE
        content = await _latest(attempt, workshop, attempt.redactor.text(body.name), most_bytes)
        if content is None:
            return None
        manifest, files = await asyncio.to_thread(unpack, content, most_bytes)
        wanted = files if body.restore_files else []
        for file in wanted:
            attempt.reporter.touch()
            await workshop.sandbox.write_file(
                attempt.key.workspace, file.path, file.content, executable=file.executable
            )
    return Loaded(manifest, [file.path for file in wanted])


async def _latest(attempt: Attempt, workshop: Workshop, name: str, most_bytes: int) -> bytes | None:
    own = await workshop.objects.get(CHECKPOINTS.name, object_key(attempt.key, name))
    if own is not None or attempt.key.attempt == 1:
        return own
    return await workshop.objects.earlier_checkpoint(attempt.key, safe_name(name), most_bytes)


async def _found(attempt: Attempt, workshop: Workshop, paths: Sequence[str]) -> list[FileEntry]:
    """Everything that the paths name, each once."""
    found: dict[str, FileEntry] = {}
    for path in paths:
        found |= {entry.path: entry for entry in await _entries(attempt.key.workspace, workshop, path)}
        if len(found) > MOST_FILES:
            raise ObjectRefused(f"paths: more than {MOST_FILES} entries; name the folders that matter")
    return list(found.values())


async def _entries(workspace: str, workshop: Workshop, path: str) -> list[FileEntry]:
    try:
        return await workshop.sandbox.list_files(workspace, path, "**", MOST_FILES + 1)
    except SandboxRefused as error:
        if error.reason != "not_a_file":
            raise
    # It is a file, or a link to something: listed in its folder, where its name is a pattern that fits at least itself.
    place = PurePosixPath(path)
    glob = place.name if len(place.name) <= LONGEST_GLOB else "*"
    beside = await workshop.sandbox.list_files(workspace, str(place.parent), glob, MOST_FILES + 1)
    return [entry for entry in beside if PurePosixPath(entry.path) == place]


async def _read(
    attempt: Attempt, workshop: Workshop, found: Sequence[FileEntry], body: Checkpoint
) -> AsyncIterator[SavedFile]:
    most = workshop.object_limits.checkpoint_mb * MEBIBYTE - len(body.to_json())
    files = [entry for entry in found if entry.kind == "file"]
    _check_size(sum(entry.size_bytes for entry in files), most, workshop)
    for entry in files:
        attempt.reporter.touch()
        content = await workshop.sandbox.read_file(attempt.key.workspace, entry.path, max(0, most))
        most -= len(content)
        _check_size(0, most, workshop)
        yield SavedFile(entry.path, content, entry.executable)


def _check_size(size: int, most: int, workshop: Workshop) -> None:
    if size > most:
        raise ObjectRefused(
            f"the checkpoint would be larger than {workshop.object_limits.checkpoint_mb} MB; save fewer paths, without "
            "what can be built or fetched again"
        )


def _manifest(attempt: Attempt, workshop: Workshop, body: Checkpoint, files: Sequence[SavedFile]) -> CheckpointManifest:
    data: JsonObject = body.data
    return CheckpointManifest(
        task_id=attempt.key.task_id,
        attempt=attempt.key.attempt,
        worker_id=attempt.record.assignment.worker_id,
        name=body.name,
        data=data,
        description=body.description,
        saved_at=workshop.clock.now(),
        paths=[file.path for file in files],
    )

"""What the tools of artifacts and checkpoints answer."""

from collections.abc import Sequence

from mcp.types import CallToolResult
from pydantic import BaseModel, Field, JsonValue

from contracts.events.deliverables import StoredObject
from worker_agent.handlers.artifacts import Published
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.checkpoints import Loaded, Saved
from worker_agent.mcp.results import ReportResult, basis, result

SHOWN = 20


class ArtifactResult(ReportResult):
    """An artifact that is kept."""

    key: str = Field(description="Where it lies in the object store.")
    size_bytes: int
    digest: str
    media_type: str


class CheckpointResult(ReportResult):
    """A checkpoint that is kept."""

    key: str = Field(description="Where it lies in the object store.")
    size_bytes: int = Field(description="Compressed.")
    digest: str
    files: int = Field(description="How many files lie in it.")
    left_out: list[str] = Field(description="Links and special files, which are not saved.")


class LoadedCheckpoint(BaseModel):
    """A checkpoint, or the word that there is none."""

    found: bool
    name: str
    data: dict[str, JsonValue] = {}
    description: str | None = None
    attempt: int | None = Field(None, description="The attempt that saved it.")
    saved_at: str | None = None
    paths: list[str] = Field([], description="Files that lie in it.")
    restored: list[str] = Field([], description="Files that were written back into the workspace.")


def published(attempt: Attempt, done: Published) -> CallToolResult:
    """The result of publish_artifact."""
    stored = done.stored
    text = f"Published: {stored.key}, {stored.size_bytes} bytes of {stored.media_type}."
    return result(text, basis(attempt, done.recorded) | _place(stored) | {"media_type": stored.media_type})


def saved(attempt: Attempt, done: Saved) -> CallToolResult:
    """The result of save_checkpoint."""
    left_out = f" Left out, since they are no regular files: {_some(done.left_out)}." if done.left_out else ""
    text = f"Saved with {_files(len(done.files))}; load_checkpoint gives it back, in a later attempt too.{left_out}"
    more = {"files": len(done.files), "left_out": list(done.left_out)}
    return result(text, basis(attempt, done.recorded) | _place(done.stored) | more)


def loaded(name: str, found: Loaded | None) -> CallToolResult:
    """The result of load_checkpoint. That there is none is an answer, no error."""
    if found is None:
        text = f"There is no checkpoint {name!r}: neither this attempt nor an earlier one has saved it. Begin anew."
        return result(text, {"found": False, "name": name})
    told = found.manifest.to_dict()
    structured = {key: told[key] for key in LoadedCheckpoint.model_fields if key in told}
    return result(_loaded_text(found), {"found": True} | structured | {"restored": list(found.restored)})


def _loaded_text(found: Loaded) -> str:
    manifest = found.manifest
    restored = f" Written back: {_some(found.restored)}." if found.restored else ""
    described = f" {manifest.description}" if manifest.description else ""
    when = manifest.saved_at.isoformat(timespec="seconds")
    text = f"Checkpoint {manifest.name!r} of attempt {manifest.attempt}, saved at {when}.{described}{restored}"
    return f"{text}\n{manifest.model_dump_json(include={'data'})}"


def _place(stored: StoredObject) -> dict[str, str | int]:
    return {"key": stored.key, "size_bytes": stored.size_bytes, "digest": stored.digest}


def _files(many: int) -> str:
    return "1 file" if many == 1 else f"{many} files"


def _some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(paths[:SHOWN]) + more

"""Bodies of what an attempt leaves behind: artifacts and checkpoints, whose content lies in the object store."""

from typing import Annotated

from pydantic import Field

from contracts.base import (
    AttemptNumber,
    Count,
    FilePath,
    FilePaths,
    JsonObject,
    Model,
    Name,
    OptionalText,
    TaskId,
    UtcTime,
    WorkerId,
)
from contracts.events.reporting import Report


class StoredObject(Model):
    """Where content lies in the object store."""

    bucket: Name
    key: Annotated[str, Field(min_length=1, max_length=500)]
    size_bytes: Count
    digest: Name
    """`sha256:` and the hexadecimal digest of the content."""
    media_type: Name = "application/octet-stream"


class Artifact(Report):
    """Input of `publish_artifact`: keep a file or a text beyond the workspace. Give `path` or `content`.

    In the event `content` is left out: it lies where the event's `stored` says.
    """

    name: Name
    """What to call it, such as `report.html`; the same name again is a new version."""
    path: FilePath | None = None
    """A file in the workspace."""
    content: OptionalText | None = None
    """The text itself."""
    media_type: Name | None = None
    """Left out: told from the name."""
    description: OptionalText | None = None


class Checkpoint(Report):
    """Input of `save_checkpoint`: what a later attempt, perhaps on another worker, needs to go on from here.

    In the event `data` is left out: it lies where the event's `stored` says.
    """

    name: Name = "latest"
    """The same name again replaces it."""
    data: JsonObject = {}
    """Your own state: what is done, what is next, what you have found out."""
    paths: Annotated[list[FilePath], Field(max_length=1_000)] = []
    """Files of the workspace to keep with it; a folder means all below it."""
    description: OptionalText | None = None


class CheckpointManifest(Model):
    """`checkpoint.json` in the archive of a checkpoint; the files named in `paths` lie beside it, below `files/`."""

    task_id: TaskId
    attempt: AttemptNumber
    worker_id: WorkerId
    """The worker that saved it."""
    name: Name
    data: JsonObject = {}
    description: OptionalText | None = None
    saved_at: UtcTime
    paths: FilePaths = []
    """Files that lie in the archive."""

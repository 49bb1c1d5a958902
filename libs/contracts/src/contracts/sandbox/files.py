"""Files of a workspace."""

from typing import Literal

from pydantic import Field

from contracts.base import Model, UtcTime


class FileEntry(Model):
    """One entry of a workspace; `path` is relative to the area that was listed."""

    path: str
    kind: Literal["file", "directory", "symlink", "other"]
    size_bytes: int = Field(ge=0)
    executable: bool
    modified_at: UtcTime

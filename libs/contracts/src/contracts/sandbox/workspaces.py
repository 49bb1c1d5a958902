"""Workspaces: where a task's files come from, and what became of them."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.base import Model, UtcTime
from contracts.sandbox.base import SandboxRequest, WorkspaceName

BUNDLE_MEDIA_TYPE = "application/x-git-bundle"


CHANGES_MEDIA_TYPE = "application/gzip"


ARCHIVE_MEDIA_TYPES = tuple(f"application/{kind}" for kind in ("x-tar", "gzip", "x-gzip", "x-bzip2", "x-xz"))


GitRevision = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/@{}^~+-]{0,254}$")]


class EmptySource(SandboxRequest):
    """Start with an empty folder."""

    kind: Literal["empty"] = "empty"


class DirectorySource(SandboxRequest):
    """Copy a folder of the sandbox's own machine (local development)."""

    kind: Literal["directory"] = "directory"
    path: str = Field(pattern=r"^/", max_length=4096, description="Absolute path of the folder.")


class GitSource(SandboxRequest):
    """Clone a git repository.

    `url` is a URL (https, http, ssh, git, file) or an absolute path. `ref` is where to start: a branch, tag or commit
    (default: `branch` if the repository has it, else the repository's HEAD). `branch` is the local branch that
    carries the result (default `mews/<workspace>`); it is created at `ref` when the repository does not have it.
    """

    kind: Literal["git"] = "git"
    url: str = Field(min_length=1, max_length=4096)
    ref: GitRevision | None = None
    branch: GitRevision | None = None
    depth: int | None = Field(default=None, ge=1, description="Shallow clone of this many commits.")


WorkspaceSource = Annotated[EmptySource | DirectorySource | GitSource, Field(discriminator="kind")]


class WorkspaceCreate(SandboxRequest):
    """Body of `PUT /v1/workspaces/{name}`; an archive is sent as the raw body instead (a tar, plain or compressed)."""

    source: WorkspaceSource = EmptySource()


class Workspace(Model):
    """A workspace as it is now. The paths are those that a process in it sees."""

    name: WorkspaceName
    path: str = Field(description="Absolute path of the work tree.")
    home: str = Field(description="Absolute path of the private HOME.")
    temporary: str = Field(description="Absolute path of TMPDIR.")
    source: Literal["empty", "directory", "git", "archive", "checkout"]
    git: bool = Field(description="Whether the work tree was made as a git repository.")
    base_commit: str | None = Field(
        default=None, description="Commit that the work starts from; null when it is no git repository."
    )
    branch: str | None = None
    created_at: UtcTime
    size_bytes: int = Field(ge=0, description="Bytes in the files of the work tree.")
    files: int = Field(ge=0)


class CheckoutRequest(SandboxRequest):
    """Body of `POST /v1/workspaces/{name}/checkout`: a clean checkout of the result, in a second workspace."""

    target: WorkspaceName
    message: str = Field(default="Record the uncommitted result", min_length=1, max_length=10_000)


class Checkout(Model):
    """The second workspace, and the commit it holds.

    `committed` says that uncommitted changes were found and put on the branch as the platform's own commit.
    """

    workspace: Workspace
    commit: str | None = None
    committed: bool


class PublishRequest(SandboxRequest):
    """Body of `POST /v1/workspaces/{name}/publish`: the result as a commit and, if wanted, on a branch of a remote.

    What is not committed is committed first, unless `commit` names what to publish. `url` may hold credentials: they
    are used for this one push, and never kept or shown.
    """

    push: bool = False
    url: str | None = Field(default=None, min_length=1, max_length=4096, description="Remote; needed to push.")
    branch: GitRevision | None = Field(default=None, description="Default: the branch of the workspace.")
    commit: GitRevision | None = Field(default=None, description="Publish this commit, not what is checked out.")
    message: str = Field(default="Record the uncommitted result", min_length=1, max_length=10_000)
    timeout_ms: int | None = Field(
        default=None, ge=1, description="Time for the push; default: as for any git command."
    )

    @model_validator(mode="after")
    def _push_needs_a_remote(self) -> "PublishRequest":
        if self.push and self.url is None:
            raise ValueError("url: needed to push")
        return self


class WorkspacePublished(Model):
    """What became of it. A push that failed is no error of the request: the commit is there, and `error` says why.

    `pushed` says whether the remote's branch is at the commit now; null: nothing was to be pushed.
    """

    branch: str
    commit: str | None = None
    committed: bool
    commits: tuple[str, ...] = Field(description="Commits from the base to the result, newest first, at most 1,000.")
    pushed: bool | None = None
    error: str | None = None


class FileChange(Model):
    """One path that differs from the base. The counts of lines are null for a binary file."""

    path: str
    previous_path: str | None = None
    status: Literal["added", "modified", "deleted", "renamed", "copied", "type_changed"]
    added_lines: int | None = None
    removed_lines: int | None = None


class WorkspaceDiff(Model):
    """What differs from the base, committed or not, new files too; what `.gitignore` names is left out."""

    base_commit: str | None = None
    head_commit: str | None = None
    files: tuple[FileChange, ...]
    truncated: bool = Field(description="More files differ than are listed.")
    files_changed: int
    added_lines: int
    removed_lines: int
    stat: str = Field(description="`git diff --stat`, to be read by a person.")

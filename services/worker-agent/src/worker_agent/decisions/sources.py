"""Where a workspace's content comes from."""

import re

from contracts.addresses import without_credentials
from contracts.sandbox import DirectorySource, EmptySource, GitSource, WorkspaceSource
from contracts.tasks import Requirements
from worker_agent.errors import TaskUnusable

REMOTE = re.compile(r"^([a-z][a-z0-9+.-]*://|[^/\s]+@[^/\s]+:)")


def source_of(requirements: Requirements) -> WorkspaceSource:
    """The source that the task names: a git repository (remote or a path), or nothing.

    Whether a path is a repository or a plain folder, only the sandbox can see: see `as_folder`.
    """
    repository = requirements.repository
    if repository is None:
        return EmptySource()
    if not REMOTE.match(repository) and not repository.startswith("/"):
        shown = without_credentials(repository)[:200]
        raise TaskUnusable(f"requirements.repository must be a git URL or an absolute path, not {shown!r}")
    return GitSource(url=repository, ref=requirements.ref, branch=requirements.branch)


def as_folder(source: WorkspaceSource) -> WorkspaceSource | None:
    """The same path as a plain folder; None where that makes no sense, as for a URL, or when a ref is asked for."""
    if isinstance(source, GitSource) and source.url.startswith("/") and source.ref is None and source.branch is None:
        return DirectorySource(path=source.url)
    return None

"""Where agents and commands run."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from contracts.sandbox import (
    Checkout,
    FileEntry,
    LimitChange,
    OutputChunk,
    OutputEnd,
    Process,
    ProcessStart,
    PublishRequest,
    SandboxReadiness,
    Workspace,
    WorkspaceDiff,
    WorkspacePublished,
    WorkspaceSource,
)
from worker_agent.domain import Bundle


class SandboxBackend(Protocol):
    """Where agents and commands run. Raises SandboxUnavailable when it is away, SandboxRefused when it says no."""

    async def ready(self) -> SandboxReadiness:
        """Whether it can run something."""
        ...

    async def create_workspace(self, name: str, source: WorkspaceSource) -> Workspace:
        """Make a workspace; harmless when it is there."""
        ...

    async def find_workspace(self, name: str) -> Workspace | None:
        """A workspace as it is now."""
        ...

    async def workspace_names(self) -> list[str]:
        """Names of all workspaces, in order."""
        ...

    async def remove_workspace(self, name: str) -> None:
        """Remove a workspace with all that runs in it; harmless when it is gone."""
        ...

    async def write_home_file(self, workspace: str, path: str, content: bytes) -> None:
        """Write a file below the private HOME of a workspace."""
        ...

    async def read_file(self, workspace: str, path: str, most_bytes: int) -> bytes:
        """A file of the work tree; SandboxRefused when it is not there, outside, or larger than that."""
        ...

    async def write_file(self, workspace: str, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write a file of the work tree, with the folders above it."""
        ...

    async def list_files(self, workspace: str, path: str = "", glob: str = "*", most: int = 1_000) -> list[FileEntry]:
        """Entries below a folder of the work tree whose path fits a pattern (`**` is any folders), at most so many."""
        ...

    async def pause(self, process_id: str) -> Process:
        """Stop a process and all that it started; its wall time stands still. Harmless when it is paused."""
        ...

    async def resume(self, process_id: str) -> Process:
        """Let a paused process go on; harmless when it is not paused."""
        ...

    async def change_limits(self, process_id: str, change: LimitChange) -> Process:
        """Change limits of a running process."""
        ...

    async def checkout(self, workspace: str, target: str) -> Checkout:
        """Make a clean checkout of what is in a workspace, as a second one."""
        ...

    async def diff(self, workspace: str) -> WorkspaceDiff:
        """What differs from where the work began."""
        ...

    async def publish(self, workspace: str, asked: PublishRequest) -> WorkspacePublished:
        """Commit the result and, if that is asked for, push it; harmless when that is done."""
        ...

    async def bundle(self, workspace: str, most_bytes: int) -> Bundle | None:
        """What the source does not have; None when there is nothing, SandboxRefused when it is larger than that."""
        ...

    async def start(self, start: ProcessStart) -> Process:
        """Start a process; with a process id that is known, return that process."""
        ...

    async def find(self, process_id: str) -> Process | None:
        """A process as it is now; None when the sandbox does not know it."""
        ...

    async def wait(self, process_id: str, timeout_ms: int) -> Process:
        """The process, when it has ended or the time is over."""
        ...

    async def stop(self, process_id: str, grace_ms: int) -> Process | None:
        """End a process and all that it started; returns when it is gone."""
        ...

    def output(
        self, process_id: str, offset: int
    ) -> AbstractAsyncContextManager[AsyncIterator[OutputChunk | OutputEnd]]:
        """Its output from an offset on, as it comes; the last item is the end, unless the connection broke."""
        ...

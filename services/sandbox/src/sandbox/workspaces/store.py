"""All workspaces: making, finding, checking out and removing them."""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from weakref import WeakValueDictionary

from contracts.sandbox import (
    BUNDLE_MEDIA_TYPE,
    CHANGES_MEDIA_TYPE,
    Checkout,
    DirectorySource,
    EmptySource,
    GitSource,
    PublishRequest,
    Workspace,
    WorkspaceDiff,
    WorkspacePublished,
    WorkspaceSource,
)
from sandbox import clock
from sandbox.bubblewrap import View
from sandbox.errors import NotARepository, WorkspaceExists, WorkspaceNotFound
from sandbox.logs import fields
from sandbox.settings import Settings
from sandbox.workspaces import archive, bundle, publishing, sources
from sandbox.workspaces.git import Git
from sandbox.workspaces.layout import About, Layout
from sandbox.workspaces.snapshot import History, difference

MAKING = ".making-"
REMOVED = ".removed-"
UPLOAD = ".upload-"
IDENTITY = "[user]\n\tname = mews\n\temail = mews@localhost\n[safe]\n\tdirectory = *\n"

Fill = Callable[[Layout], Awaitable[str | None]]
"""Fills a new work tree and returns the name of its branch, if it has one."""

log = logging.getLogger(__name__)


class Workspaces:
    """The workspaces below one root; what is done to one is done one after the other."""

    def __init__(self, settings: Settings, git: Git) -> None:
        self._settings = settings
        self._root = settings.workspace_root.resolve()
        self._git = git
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def prepare(self) -> None:
        """Make the root, and remove what a crash left half made or half removed."""
        self._root.mkdir(parents=True, exist_ok=True)
        for prefix in (MAKING, REMOVED):
            for rest in self._root.glob(f"{prefix}*"):
                sources.remove(rest)
        for rest in self._root.glob(f"{UPLOAD}*"):
            rest.unlink()

    def names(self) -> list[str]:
        """Names of all workspaces, in order."""
        return sorted(path.name for path in self._root.iterdir() if not path.name.startswith("."))

    def find(self, name: str) -> Layout:
        """Where a workspace lies; raises `WorkspaceNotFound`."""
        layout = Layout(self._root / name)
        if not layout.about.is_file():
            raise WorkspaceNotFound(f"there is no workspace {name!r}")
        return layout

    def layouts(self) -> list[Layout]:
        """Where all workspaces lie."""
        found = [Layout(self._root / name) for name in self.names()]
        return [layout for layout in found if layout.about.is_file()]

    async def describe(self, name: str) -> Workspace:
        """What is to be told of a workspace, with its size."""
        layout = self.find(name)
        about = _read(layout)
        size, files = await asyncio.to_thread(sources.measure, layout.tree)
        return Workspace(
            name=name,
            path=str(layout.tree),
            home=str(layout.home),
            temporary=str(layout.temporary),
            source=about.source,
            git=about.git,
            base_commit=about.base_commit,
            branch=about.branch,
            created_at=about.created_at,
            size_bytes=size,
            files=files,
        )

    async def create(self, name: str, source: WorkspaceSource) -> bool:
        """Make a workspace; whether it is new. Raises `WorkspaceExists` when it is there with another source."""
        fingerprint = hashlib.sha256(source.model_dump_json().encode()).hexdigest()
        return await self._make_once(name, source.kind, fingerprint, lambda layout: self._fill(name, layout, source))

    async def create_from_archive(self, name: str, upload: Path, fingerprint: str) -> bool:
        """Make a workspace from an archive on disk; whether it is new."""
        return await self._make_once(name, "archive", fingerprint, lambda layout: self._unpack(layout, upload))

    async def checkout(self, name: str, target: str, message: str) -> Checkout:
        """Make a second workspace with a clean checkout of the result of the first; raises `WorkspaceExists`."""
        async with self._alone(name):
            layout = self.find(name)
            about = _read(layout)
            commit, committed = None, False
            if about.git:
                commit, committed = await self._history(layout, about).commit_result(message)

        async def fill(new: Layout) -> str | None:
            if commit is None:
                return await self._copy(new, layout.tree)
            return await self._clone_commit(layout, new, commit, about.branch)

        # Without the first lock: two checkouts that cross would wait for each other.
        await self._make_once(target, "checkout", f"{name}:{commit or secrets.token_hex(8)}", fill)
        return Checkout(workspace=await self.describe(target), commit=commit, committed=committed)

    async def diff(self, name: str) -> WorkspaceDiff:
        """What differs from the base."""
        async with self._alone(name):
            layout = self.find(name)
            about = _read(layout)
            return await difference(self._history(layout, about), about, self._settings.max_diff_files)

    async def publish(self, name: str, asked: PublishRequest) -> WorkspacePublished:
        """Put the result on its branch, here and at a remote; raises `NotARepository`."""
        async with self._alone(name):
            layout = self.find(name)
            about = _read(layout)
            if not about.git:
                raise NotARepository(f"workspace {name!r} is no git repository: there is no branch to publish")
            with TemporaryDirectory(prefix=MAKING, dir=self._root) as clean:
                return await publishing.publish(self._history(layout, about), about, asked, Path(clean))

    async def bundle(self, name: str, out: IO[bytes]) -> str | None:
        """Write what the source does not have to a file; its media type, or None when there is nothing."""
        async with self._alone(name):
            layout = self.find(name)
            about = _read(layout)
            history = self._history(layout, about)
            if about.git:
                return BUNDLE_MEDIA_TYPE if await bundle.bundle_commits(history, about, out) else None
            return CHANGES_MEDIA_TYPE if await self._pack(history, about, out) else None

    async def remove(self, name: str, end_processes: Callable[[], Awaitable[None]]) -> None:
        """Remove a workspace, if it is there; its name is free at once, its processes are ended first of all."""
        async with self._alone(name):
            layout = Layout(self._root / name)
            if not layout.folder.exists():
                return
            gone = self._root / f"{REMOVED}{secrets.token_hex(8)}"
            layout.folder.rename(gone)
            await end_processes()
            await asyncio.to_thread(sources.remove, gone)
        log.info("workspace removed", extra=fields(workspace=name))

    async def _pack(self, history: History, about: About, out: IO[bytes]) -> bool:
        limits = self._settings
        paths = await bundle.changed_paths(history, about, limits.max_workspace_files)
        return await asyncio.to_thread(
            bundle.pack,
            history.layout.tree,
            paths,
            out,
            most_mb=limits.max_archive_mb,
            most_files=limits.max_workspace_files,
        )

    async def _make_once(self, name: str, kind: str, fingerprint: str, fill: Fill) -> bool:
        async with self._alone(name):
            final = Layout(self._root / name)
            if final.about.is_file():
                if _read(final).fingerprint != fingerprint:
                    raise WorkspaceExists(f"workspace {name!r} is there already, with another source")
                return False
            staged = Layout(self._root / f"{MAKING}{secrets.token_hex(8)}")
            try:
                await self._make(staged, kind, fingerprint, fill)
                staged.folder.rename(final.folder)
            finally:
                await asyncio.to_thread(sources.remove, staged.folder)
        log.info("workspace made", extra=fields(workspace=name, source=kind))
        return True

    async def _make(self, layout: Layout, kind: str, fingerprint: str, fill: Fill) -> None:
        layout.make()
        (layout.home / ".gitconfig").write_text(IDENTITY)
        branch = await fill(layout)
        real = (layout.tree / ".git").is_dir()
        history = History(self._git, layout, real)
        if not real:
            layout.shadow.mkdir(mode=0o700)
            await history.start_shadow()
        head = await history.head() if real else None
        base = await history.keep_base(head)
        about = About.model_validate(
            {
                "source": kind,
                "fingerprint": fingerprint,
                "git": real,
                "base": base,
                "base_commit": head,
                "branch": branch,
                "created_at": clock.now(),
            }
        )
        layout.about.write_text(about.model_dump_json())

    async def _fill(self, name: str, layout: Layout, source: WorkspaceSource) -> str | None:
        match source:
            case EmptySource():
                return None
            case DirectorySource():
                return await self._copy(layout, Path(source.path))
            case GitSource():
                return await sources.clone(self._git, source, layout, default_branch=f"mews/{name}")

    async def _copy(self, layout: Layout, source: Path) -> None:
        limits = self._settings
        await asyncio.to_thread(
            sources.copy_folder,
            source,
            layout.tree,
            leave_out=self._root,
            most_mb=limits.max_workspace_mb,
            most_files=limits.max_workspace_files,
        )

    async def _unpack(self, layout: Layout, upload: Path) -> None:
        limits = self._settings
        await asyncio.to_thread(
            archive.unpack,
            upload,
            layout.tree,
            most_mb=limits.max_workspace_mb,
            most_files=limits.max_workspace_files,
        )

    async def _clone_commit(self, source: Layout, target: Layout, commit: str, branch: str | None) -> str | None:
        """Clone through git's own protocol, so that nothing but objects and references comes along."""
        view = View((target.tree, target.temporary), (source.tree,), target.temporary)
        what = ["clone", "--quiet", "--no-local", "--no-checkout", "--template=", "--", str(source.tree), "."]
        await self._git.run(what, view, folder=target.tree)
        switch = ["--detach", commit] if branch is None else ["--no-track", "-B", branch, commit]
        await self._git.run(["checkout", "--quiet", *switch], View((target.tree,)), folder=target.tree)
        return branch

    def _history(self, layout: Layout, about: About) -> History:
        return History(self._git, layout, about.git)

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncGenerator[None]:
        async with self._locks.setdefault(name, asyncio.Lock()):
            yield


def _read(layout: Layout) -> About:
    return About.model_validate_json(layout.about.read_bytes())

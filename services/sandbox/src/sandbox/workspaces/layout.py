"""Where the parts of a workspace lie.

Under the root each workspace has a folder: `tree` (the work tree), `home` and `tmp` (private), and what no command
shall touch: `output` (what processes wrote), `base.git` (the base, if the source is no git repository), `about.json`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from contracts.base import UtcTime
from sandbox.bubblewrap import View

Area = Literal["tree", "home", "tmp"]


@dataclass(frozen=True)
class Layout:
    """The folders of one workspace."""

    folder: Path

    @property
    def tree(self) -> Path:
        """The work tree: what a task sees as its workspace."""
        return self.folder / "tree"

    @property
    def home(self) -> Path:
        """HOME of the processes."""
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        """TMPDIR of the processes."""
        return self.folder / "tmp"

    @property
    def output(self) -> Path:
        """What the processes wrote."""
        return self.folder / "output"

    @property
    def shadow(self) -> Path:
        """Git directory that keeps the base of a work tree which is no repository itself."""
        return self.folder / "base.git"

    @property
    def about(self) -> Path:
        """What the sandbox remembers of the workspace."""
        return self.folder / "about.json"

    def make(self) -> None:
        """Make the folders."""
        for path in (self.folder, self.tree, self.home, self.temporary, self.output):
            path.mkdir(mode=0o700)

    def area(self, name: Area) -> Path:
        """The folder of an area that files are read from and written to."""
        return {"tree": self.tree, "home": self.home, "tmp": self.temporary}[name]

    def view(self) -> View:
        """What a process of this workspace may write."""
        return View(writable=(self.tree, self.home, self.temporary), temporary=self.temporary)


class About(BaseModel):
    """What is remembered of a workspace besides its files."""

    model_config = ConfigDict(frozen=True)

    source: Literal["empty", "directory", "git", "archive", "checkout"]
    fingerprint: str
    """Digest of the source, so that the same request can be told from another."""
    git: bool
    base: str
    """Commit against which changes are counted: in the repository, or in `base.git`."""
    base_commit: str | None = None
    branch: str | None = None
    created_at: UtcTime

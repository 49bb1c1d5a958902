"""Where the project and its data are."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The folders and files of one system; `root` is the project's folder."""

    root: Path

    @property
    def mews(self) -> Path:
        """Everything that a run leaves behind."""
        return self.root / ".mews"

    @property
    def data(self) -> Path:
        """What servers and workers keep."""
        return self.mews / "data"

    @property
    def logs(self) -> Path:
        """One log for each process."""
        return self.mews / "logs"

    @property
    def workspaces(self) -> Path:
        """Where tasks are worked on, a folder for each worker."""
        return self.mews / "workspaces"

    @property
    def credentials(self) -> Path:
        """Passwords and tokens, readable by the user alone."""
        return self.mews / "secrets" / "credentials.json"

    @property
    def bus(self) -> Path:
        """The authority of the bus, and a credential for each service and worker, readable by the user alone."""
        return self.mews / "secrets" / "bus"

    @property
    def state(self) -> Path:
        """What runs, written by the supervisor."""
        return self.mews / "state.json"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor while it lives."""
        return self.mews / "supervisor.lock"

    @property
    def ports(self) -> Path:
        """The ports taken last, which are taken again where they are free."""
        return self.mews / "ports.json"

    @property
    def migrations(self) -> Path:
        """How far the schemas have been migrated by which files."""
        return self.mews / "migrations.json"

    @property
    def sockets(self) -> Path:
        """A folder with a short name for Unix sockets, whose paths may have 107 bytes only."""
        digest = hashlib.sha256(str(self.mews).encode()).hexdigest()[:10]
        return Path(tempfile.gettempdir()) / f"mews-{os.getuid()}-{digest}"


def repository_root() -> Path:
    """The folder of the project: $MEWS_HOME, or the checkout that this package is installed from."""
    if home := os.environ.get("MEWS_HOME"):
        return Path(home).resolve()
    return Path(__file__).resolve().parents[4]


def layout() -> Layout:
    """The folders of this project."""
    return Layout(repository_root())

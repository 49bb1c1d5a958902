"""Which user a server runs as: PostgreSQL refuses to run as root."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Identity:
    """A user to become; `traverse` asks for the right to walk through folders that are closed to it."""

    uid: int
    gid: int
    traverse: bool = False


def unprivileged(folder: Path, *also_reach: Path) -> Identity | None:
    """Return the user that shall own and use `folder`, or None where the present one will do.

    An existing folder keeps its owner, so that a data directory can be used again.
    """
    if os.geteuid() != 0:
        return None
    uid, gid = _owner(folder) or _candidate()
    closed = any(not _open_to_all(path) for path in (folder.parent, *also_reach))
    return Identity(uid, gid, traverse=closed)


def hand_over(folder: Path, identity: Identity | None) -> None:
    """Make `folder`, and all in it, the identity's, closed to others."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if identity is None or _owner(folder) == (identity.uid, identity.gid):
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, identity.uid, identity.gid, follow_symlinks=False)


def _owner(folder: Path) -> tuple[int, int] | None:
    if not folder.exists():
        return None
    status = folder.stat()
    return (status.st_uid, status.st_gid) if status.st_uid != 0 else None


def _candidate() -> tuple[int, int]:
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise PermissionError(f"PostgreSQL refuses to run as root and this machine has no user {' or '.join(CANDIDATES)}")


def _open_to_all(path: Path) -> bool:
    """Whether any user may walk down to `path`."""
    resolved = path.resolve()
    folders = [folder for folder in (resolved, *resolved.parents) if folder.is_dir()]
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)

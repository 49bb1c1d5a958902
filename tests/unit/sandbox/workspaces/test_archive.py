import io
import random
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox.errors import BadArchive, WorkspaceTooLarge
from sandbox.workspaces.archive import unpack


def entry(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tuple:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, link, len(content), mode
    return info, io.BytesIO(content)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    (tmp_path / "secret").write_text("outside")
    return tmp_path / "target"


def make(target: Path, *entries: tuple, most_mb: int = 1, most_files: int = 10) -> None:
    path = target.parent / "archive.tar"
    with tarfile.open(path, "w") as tar:
        for info, content in entries:
            tar.addfile(info, content)
    unpack(path, target, most_mb=most_mb, most_files=most_files)


def test_files_folders_and_links_are_made(target: Path) -> None:
    make(
        target,
        entry("./", kind=tarfile.DIRTYPE),
        entry("a/run", b"x", mode=0o4777),
        entry("a/plain", b"y", mode=0o600),
        entry("empty", kind=tarfile.DIRTYPE),
        entry("link", kind=tarfile.SYMTYPE, link="a/run"),
        entry("hard", kind=tarfile.LNKTYPE, link="a/plain"),
    )
    assert (target / "link").read_text() == "x"
    assert (target / "hard").read_text() == "y"
    assert (target / "empty").is_dir()
    assert [oct((target / "a" / name).stat().st_mode & 0o7777) for name in ("run", "plain")] == ["0o755", "0o644"]


@pytest.mark.parametrize(
    "entries",
    [
        [entry("../secret", b"x")],
        [entry("/etc/x", b"x")],
        [entry("a/../../secret", b"x")],
        [entry("link", kind=tarfile.SYMTYPE, link="../secret")],
        [entry("a/link", kind=tarfile.SYMTYPE, link="../../secret")],
        [entry("link", kind=tarfile.SYMTYPE, link="/etc")],
        [entry("hard", kind=tarfile.LNKTYPE, link="../secret")],
        [entry("pipe", kind=tarfile.FIFOTYPE)],
        [entry("device", kind=tarfile.CHRTYPE)],
        [entry("link", kind=tarfile.SYMTYPE, link="a"), entry("link", b"written through")],
    ],
)
def test_what_leads_out_or_is_no_file_is_refused(target: Path, entries: list[tuple]) -> None:
    with pytest.raises(BadArchive):
        make(target, *entries)
    assert (target.parent / "secret").read_text() == "outside"


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_damage_anywhere_is_told_as_damage(target: Path, kind: str) -> None:
    path = target.parent / "archive"
    with tarfile.open(path, f"w:{kind}") as tar:  # pyright: ignore[reportArgumentType, reportCallIssue]
        tar.addfile(*entry("a", random.Random(1).randbytes(50_000)))
    whole = path.read_bytes()
    for place in range(10, len(whole), len(whole) // 20):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF] * 3) + whole[place + 3 :])
        with suppress(BadArchive):
            unpack(path, target, most_mb=1, most_files=10)


def test_too_many_bytes_or_entries_are_refused(target: Path) -> None:
    with pytest.raises(WorkspaceTooLarge):
        make(target, entry("a", b"x" * 600_000), entry("b", b"x" * 600_000))
    with pytest.raises(WorkspaceTooLarge):
        make(target, *(entry(f"e{n}") for n in range(11)))

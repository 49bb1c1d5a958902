import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import confine
from sandbox.errors import FileMissing, NameTooLong, NotAFile, PathEscapes, SandboxError

Open = Callable[[str], bytes]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_text("inside")
    (tmp_path / "secret").write_text("outside")
    return folder


@pytest.fixture(params=["kernel", "walk"])
def read(request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens and reads, once with the kernel's help and once without."""
    if request.param == "kernel" and not confine.has_openat2():
        pytest.skip("this kernel has no openat2")
    monkeypatch.setattr(confine, "has_openat2", lambda: request.param == "kernel")
    top = os.open(root, os.O_RDONLY | os.O_DIRECTORY)

    def run(path: str) -> bytes:
        descriptor = confine.open_below(top, confine.parts_of(path), os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    yield run
    os.close(top)


def test_a_file_below_is_opened(read: Open) -> None:
    assert read("inner/file") == read("./inner//file") == b"inside"


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "/proc/self/root/etc/passwd", "inner/../../secret"])
def test_a_link_that_leads_out_is_refused(root: Path, read: Open, target: str) -> None:
    (root / "link").symlink_to(target)
    with pytest.raises(PathEscapes):
        read("link")


def test_a_folder_that_is_a_link_out_is_refused(root: Path, read: Open) -> None:
    (root / "link").symlink_to("..")
    with pytest.raises(PathEscapes):
        read("link/secret")


def test_a_loop_of_links_is_refused(root: Path, read: Open) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(PathEscapes):
        read("a")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("absent", FileMissing),
        ("inner/absent", FileMissing),
        ("inner/file/x", NotAFile),
        ("x" * 256, NameTooLong),
    ],
)
def test_what_cannot_be_there_as_it_is_named_is_said_to_be_so(read: Open, path: str, error: type[SandboxError]) -> None:
    with pytest.raises(error):
        read(path)


@pytest.mark.parametrize("path", ["..", "../x", "a/../..", "a/..", "/", "/etc", "a\0b"])
def test_a_path_that_could_leave_is_refused_as_it_stands(path: str) -> None:
    with pytest.raises(PathEscapes):
        confine.parts_of(path)


@pytest.mark.parametrize("path", ["", ".", "./", "./."])
def test_the_folder_itself_is_a_path_only_where_that_is_meant(path: str) -> None:
    assert confine.parts_of(path, allow_root=True) == ()
    with pytest.raises(NotAFile):
        confine.parts_of(path)


def test_names_that_only_look_like_dots_are_names() -> None:
    assert confine.parts_of("...//a/..b") == ("...", "a", "..b")


def test_folders_are_made_below_and_not_through_a_link(root: Path) -> None:
    with confine.folder(root) as top:
        confine.make_folders(top, ("inner", "new", "newer"))
        assert (root / "inner" / "new" / "newer").is_dir()
        (root / "out").symlink_to("..")
        with pytest.raises(PathEscapes):
            confine.make_folders(top, ("out", "made"))
    assert not (root.parent / "made").exists()

import io
import tarfile
from pathlib import Path

import pytest

from devstack.demo import project
from devstack.demo.project import NAME, VERSION, fetch_project
from devstack.errors import DevstackError

FOLDER = f"{NAME}-{VERSION}"


async def test_a_project_that_is_there_is_taken_as_it_is(tmp_path: Path):
    (tmp_path / FOLDER).mkdir()
    assert await fetch_project(tmp_path, tmp_path / "log") == tmp_path / FOLDER
    assert not (tmp_path / "log").exists()


async def test_a_failed_fetch_says_why_and_where_the_log_is(tmp_path: Path):
    with pytest.raises(DevstackError, match=f"could not be fetched from the package index; {tmp_path}/log"):
        await fetch_project(tmp_path / "demo", tmp_path / "log", uv="/bin/false")
    assert list((tmp_path / "demo").iterdir()) == []


async def test_an_archive_that_was_tampered_with_is_not_unpacked(tmp_path: Path):
    with tarfile.open(tmp_path / f"{FOLDER}.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo(f"{FOLDER}/evil.py")
        archive.addfile(entry, io.BytesIO(b""))
    with pytest.raises(DevstackError):
        await fetch_project(tmp_path, tmp_path / "log", uv="/bin/false")
    assert not (tmp_path / FOLDER).exists()


def test_everything_that_is_fetched_is_pinned_by_hash():
    for requirements in (project.FETCHER, project.PROJECT):
        packages = [line for line in requirements.read_text().splitlines() if not line.startswith(" ")]
        assert packages
        assert all("==" in line for line in packages)
        assert requirements.read_text().count("--hash=sha256:") >= len(packages)
    assert f"{NAME}=={VERSION} " in project.PROJECT.read_text()

"""Checkpoints as archives: what goes in comes out, and what could do harm does not."""

import gzip
import io
import os
import tarfile

import pytest

from contracts.events.deliverables import CheckpointManifest
from tests.support.examples import NOW
from worker_agent.decisions.archives import HEADERS_BYTES, SavedFile, pack, unpack
from worker_agent.errors import CheckpointDamaged

MOST = 1024 * 1024
MANIFEST = CheckpointManifest(
    task_id="task-1", attempt=2, worker_id="w1", name="latest", data={"next": ["b", 1]}, saved_at=NOW, paths=["a"]
)


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as made:
        for member, content in (_file("checkpoint.json", MANIFEST.to_json()), *members):
            made.addfile(member, io.BytesIO(content))
    return target.getvalue()


def _file(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def _link(name: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member, b""


def test_data_files_and_programs_come_back_as_they_were() -> None:
    files = [
        SavedFile("src/ä b.py", b"x = 1\n"),
        SavedFile("run.sh", b"#!/bin/sh\n", executable=True),
        SavedFile("checkpoint.json", os.urandom(5_000)),
        SavedFile("deep/" + "d" * 200 + "/e", b""),
    ]
    manifest, found = unpack(pack(MANIFEST, files), MOST)
    assert manifest == MANIFEST
    assert found == files


@pytest.mark.parametrize("name", ["files/../x", "files//etc/passwd", "/files/x", "other/x", "files/"])
def test_a_path_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(CheckpointDamaged, match=r"leads out|no regular file"):
        unpack(archive(_file(name, b"x")), MOST)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_links_and_devices_are_refused(kind: bytes) -> None:
    with pytest.raises(CheckpointDamaged, match="no regular file"):
        unpack(archive(_link("files/x", kind)), MOST)


def test_what_unpacks_to_more_than_is_allowed_is_refused() -> None:
    bomb = archive(_file("files/zeros", bytes(MOST + HEADERS_BYTES)))
    assert len(bomb) < MOST
    with pytest.raises(CheckpointDamaged, match="larger than"):
        unpack(bomb, MOST)


BROKEN = {
    "empty": b"",
    "no archive": b"no archive",
    "no tar": gzip.compress(b"no tar" * 200),
    "cut off": pack(MANIFEST, [SavedFile("a", os.urandom(9_999))])[:-99],
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_said_to_be(content: bytes) -> None:
    with pytest.raises(CheckpointDamaged, match="cannot be read"):
        unpack(content, MOST)

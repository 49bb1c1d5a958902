"""Files of a real sandbox: reading, writing, listing, and no way out of the workspace."""

import ctypes
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.sandbox import SandboxClient, SandboxServer, running_sandbox

AT_FDCWD = -100
RENAME_EXCHANGE = 2
OUTSIDE = "what nobody shall see"


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with running_sandbox({"SANDBOX_MAX_TRANSFER_MB": "1"}) as started:
        yield started


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[SandboxClient]:
    async with server.client() as made:
        yield made


@pytest.fixture
async def name(client: SandboxClient) -> str:
    return (await client.workspace())["name"]


@pytest.fixture
def tree(server: SandboxServer, name: str) -> Path:
    return server.root / name / "tree"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text(OUTSIDE)
    return tmp_path


async def test_what_is_written_is_read_back_and_seen_by_processes(client: SandboxClient, name: str) -> None:
    content = bytes(range(256)) * 100
    answer = await client.http.put(f"/v1/files/{name}/a/b%20c/d.bin", content=content)
    assert answer.status_code == 201
    assert answer.json()["path"] == "a/b c/d.bin"
    assert answer.json()["size_bytes"] == len(content)
    assert (await client.http.get(f"/v1/files/{name}/a/b%20c/d.bin")).content == content
    text, _ = await client.run(name, "import os; print(os.path.getsize('a/b c/d.bin'))")
    assert int(text) == len(content)


async def test_a_file_can_be_written_to_run(client: SandboxClient, name: str) -> None:
    await client.http.put(f"/v1/files/{name}/tool", content=b"#!/bin/sh\necho ran\n", params={"executable": "true"})
    assert (await client.finish(await client.start(name, "./tool")))[0] == "ran\n"


async def test_the_private_home_is_another_area(client: SandboxClient, name: str) -> None:
    await client.http.put(f"/v1/files/{name}/.tool/config.json", content=b"{}", params={"area": "home"})
    text, _ = await client.run(name, "import os; print(open(os.path.expanduser('~/.tool/config.json')).read())")
    assert text == "{}\n"
    assert (await client.http.get(f"/v1/files/{name}/.tool/config.json")).status_code == 404


async def test_a_part_of_a_large_file_can_be_read(client: SandboxClient, name: str, tree: Path) -> None:
    (tree / "large").write_bytes(b"0123456789" * 200_000)
    whole = await client.http.get(f"/v1/files/{name}/large")
    assert (whole.status_code, whole.json()["code"]) == (413, "file_too_large")
    part = await client.http.get(f"/v1/files/{name}/large", params={"offset": "1000005", "length": "7"})
    assert part.content == b"5678901"


async def test_a_file_above_the_limit_is_not_written(client: SandboxClient, name: str) -> None:
    answer = await client.http.put(f"/v1/files/{name}/large", content=b"x" * 1_100_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert (await client.http.get(f"/v1/files/{name}/large")).status_code == 404


@pytest.mark.parametrize("path", ["../home/.gitconfig", "a/../../about.json", "..", "/etc/passwd", "a/../b"])
async def test_a_path_that_leaves_is_refused(client: SandboxClient, name: str, path: str) -> None:
    quoted = path.replace(".", "%2E").replace("/", "%2F")
    read = await client.http.get(f"/v1/files/{name}/{quoted}")
    write = await client.http.put(f"/v1/files/{name}/{quoted}", content=b"x")
    listed = await client.http.get(f"/v1/files/{name}", params={"path": path})
    assert [answer.json()["code"] for answer in (read, write, listed)] == ["path_escapes"] * 3
    assert {answer.status_code for answer in (read, write, listed)} == {403}


@pytest.mark.parametrize("link", ["absolute", "relative", "chain", "process"])
async def test_a_link_that_leads_out_is_refused(
    client: SandboxClient, name: str, tree: Path, outside: Path, link: str
) -> None:
    (tree / "absolute").symlink_to(outside)
    (tree / "relative").symlink_to("../../../" + "../" * 20 + str(outside).lstrip("/"))
    (tree / "chain").symlink_to("relative")
    (tree / "process").symlink_to("/proc/self/root" + str(outside))
    read = await client.http.get(f"/v1/files/{name}/{link}/secret")
    write = await client.http.put(f"/v1/files/{name}/{link}/new", content=b"x")
    listed = await client.http.get(f"/v1/files/{name}", params={"path": link})
    assert [answer.json()["code"] for answer in (read, write, listed)] == ["path_escapes"] * 3
    assert os.listdir(outside) == ["secret"]


async def test_a_file_that_is_a_link_is_replaced_and_not_written_through(
    client: SandboxClient, name: str, tree: Path, outside: Path
) -> None:
    (tree / "link").symlink_to(outside / "secret")
    assert (await client.http.get(f"/v1/files/{name}/link")).json()["code"] == "path_escapes"
    assert (await client.http.put(f"/v1/files/{name}/link", content=b"mine")).status_code == 201
    assert (outside / "secret").read_text() == OUTSIDE
    assert (await client.http.get(f"/v1/files/{name}/link")).text == "mine"


@contextmanager
def swapping(tree: Path, outside: Path) -> Iterator[None]:
    """A folder that is, by turns as fast as can be, a folder and a link that leads out."""
    (tree / "folder").mkdir()
    (tree / "folder" / "secret").write_text("mine")
    (tree / "link").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        libc, folder, link = ctypes.CDLL(None), os.fsencode(tree / "folder"), os.fsencode(tree / "link")
        while not stop.is_set():
            libc.renameat2(AT_FDCWD, folder, AT_FDCWD, link, RENAME_EXCHANGE)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def test_a_link_that_is_swapped_in_is_never_followed(
    client: SandboxClient, name: str, tree: Path, outside: Path
) -> None:
    codes: set[int] = set()
    with swapping(tree, outside):
        for _ in range(60):
            read = await client.http.get(f"/v1/files/{name}/folder/secret")
            assert OUTSIDE not in read.text
            write = await client.http.put(f"/v1/files/{name}/folder/new", content=b"x")
            listed = await client.http.get(f"/v1/files/{name}", params={"path": "folder"})
            codes |= {read.status_code, write.status_code, listed.status_code}
    assert codes <= {200, 201, 403, 404, 409}
    assert {200, 201} & codes
    assert os.listdir(outside) == ["secret"]


async def test_what_is_no_regular_file_is_not_read(client: SandboxClient, name: str, tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    (tree / "folder").mkdir()
    for path in ("pipe", "folder"):
        answer = await client.http.get(f"/v1/files/{name}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_a_file")
    answer = await client.http.put(f"/v1/files/{name}/folder", content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_a_file")


async def test_a_listing_goes_by_pattern_and_by_page(client: SandboxClient, name: str, tree: Path) -> None:
    for path in ("a.py", "b.txt", "src/c.py", "src/deep/d.py", "src/deep/e.md"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text("x")
    (tree / "link").symlink_to("/etc")

    async def listed(**params: str) -> list[str]:
        answer = await client.http.get(f"/v1/files/{name}", params=params)
        return [entry["path"] for entry in answer.json()["items"]]

    assert await listed() == ["a.py", "b.txt", "link", "src"]
    assert await listed(glob="**/*.py") == ["a.py", "src/c.py", "src/deep/d.py"]
    assert await listed(path="src", glob="**") == ["src/c.py", "src/deep", "src/deep/d.py", "src/deep/e.md"]
    assert await listed(path="src", glob="*") == ["src/c.py", "src/deep"]
    page = (await client.http.get(f"/v1/files/{name}", params={"glob": "**/*.py", "limit": "2"})).json()
    assert page["next_cursor"] == "src/c.py"
    assert await listed(glob="**/*.py", cursor=page["next_cursor"]) == ["src/deep/d.py"]


async def test_an_unknown_area_is_an_error_that_lists_the_known_ones(client: SandboxClient, name: str) -> None:
    answer = await client.http.get(f"/v1/files/{name}/x", params={"area": "etc"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["allowed"] == ["tree", "home", "tmp"]

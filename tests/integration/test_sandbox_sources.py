"""Sources of workspaces in a real sandbox: folders, archives, repositories."""

import io
import os
import subprocess
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.sandbox import SandboxClient, SandboxServer, running_sandbox

IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "PATH": os.environ["PATH"],
}


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with running_sandbox({"SANDBOX_MAX_ARCHIVE_MB": "1", "SANDBOX_MAX_WORKSPACE_MB": "8"}) as started:
        yield started


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[SandboxClient]:
    async with server.client() as made:
        yield made


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits on main, the first tagged v1, and a branch `side`."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "kept.txt").write_text("one\ntwo\n")
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    git(folder, "tag", "v1")
    git(folder, "branch", "side")
    (folder / "second.txt").write_text("2\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "second")
    return folder


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, env=IDENTITY, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def source(repository: Path, **more: str) -> dict[str, str]:
    return {"kind": "git", "url": str(repository), **more}


async def test_a_clone_stands_on_its_own_branch_at_the_head(client: SandboxClient, repository: Path) -> None:
    made = await client.workspace(source(repository))
    assert (made["git"], made["base_commit"]) == (True, git(repository, "rev-parse", "HEAD"))
    assert made["branch"] == f"mews/{made['name']}" == git(Path(made["path"]), "branch", "--show-current")
    assert git(Path(made["path"]), "status", "--porcelain") == ""


@pytest.mark.parametrize("ref", ["v1", "side", "main~1"])
async def test_a_clone_starts_where_it_is_told(client: SandboxClient, repository: Path, ref: str) -> None:
    made = await client.workspace(source(repository, ref=ref, branch="result"))
    assert made["base_commit"] == git(repository, "rev-parse", "v1")
    assert made["branch"] == git(Path(made["path"]), "branch", "--show-current") == "result"


async def test_a_branch_that_the_repository_has_is_gone_on_with(client: SandboxClient, repository: Path) -> None:
    made = await client.workspace(source(repository, branch="side"))
    assert made["base_commit"] == git(repository, "rev-parse", "side")


async def test_a_shallow_clone_of_a_path_is_shallow(client: SandboxClient, repository: Path) -> None:
    made = await client.workspace({**source(repository), "depth": 1})
    assert git(Path(made["path"]), "rev-list", "--count", "HEAD") == "1"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"kind": "git", "url": "/no/such/folder"}, "bad_source"),
        ({"kind": "git", "url": "ext::sh -c date"}, "git_failed"),
        ({"kind": "git", "url": "--upload-pack=date"}, "git_failed"),
        ({"kind": "git", "url": "{repository}", "ref": "absent"}, "git_failed"),
        ({"kind": "git", "url": "{repository}", "ref": "--all"}, "invalid_input"),
        ({"kind": "directory", "path": "/no/such/folder"}, "bad_source"),
        ({"kind": "directory", "path": "relative"}, "invalid_input"),
        ({"kind": "magic"}, "invalid_input"),
    ],
)
async def test_a_wrong_source_leaves_no_workspace(
    client: SandboxClient, repository: Path, server: SandboxServer, wrong: dict[str, str], code: str
) -> None:
    body = {"source": {key: value.format(repository=repository) for key, value in wrong.items()}}
    answer = await client.http.put("/v1/workspaces/wrong", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await client.http.get("/v1/workspaces/wrong")).status_code == 404
    assert not list(server.root.glob(".making-*"))


async def test_credentials_in_a_url_are_not_told(client: SandboxClient) -> None:
    body = {"source": {"kind": "git", "url": "https://user:hunter2@localhost:1/x.git"}}
    answer = await client.http.put("/v1/workspaces/wrong", json=body)
    assert answer.json()["code"] == "git_failed"
    assert "hunter2" not in answer.text


async def test_no_hook_of_a_source_comes_along(client: SandboxClient, repository: Path, tmp_path: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    for kind in (source(repository), {"kind": "directory", "path": str(repository)}):
        made = await client.workspace(kind)
        assert not (Path(made["path"]) / ".git" / "hooks" / "post-checkout").exists()
    assert not (tmp_path / "ran").exists()


async def test_the_same_request_again_is_harmless_and_another_is_refused(
    client: SandboxClient, repository: Path
) -> None:
    made = await client.workspace(source(repository))
    url = f"/v1/workspaces/{made['name']}"
    again = await client.http.put(url, json={"source": source(repository)})
    assert (again.status_code, again.json()["created_at"]) == (200, made["created_at"])
    other = await client.http.put(url, json={"source": {"kind": "empty"}})
    assert (other.status_code, other.json()["code"]) == (409, "workspace_exists")


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "a b", "x" * 129])
async def test_a_name_that_is_no_plain_name_is_refused(client: SandboxClient, name: str) -> None:
    quoted = name.replace("/", "%2F").replace(".", "%2E")
    answer = await client.http.put(f"/v1/workspaces/{quoted}", json={})
    assert answer.status_code in (404, 422)


async def test_a_folder_is_copied_with_its_links_as_they_are(client: SandboxClient, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "run").write_text("#!/bin/sh\n")
    (folder / "inner" / "run").chmod(0o755)
    (folder / "link").symlink_to("inner/run")
    (folder / "broken").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    made = await client.workspace({"kind": "directory", "path": str(folder)})
    tree = Path(made["path"])
    assert sorted(os.listdir(tree)) == ["broken", "inner", "link"]
    assert os.readlink(tree / "link") == "inner/run"
    assert os.access(tree / "inner" / "run", os.X_OK)
    assert (made["git"], made["base_commit"], made["files"]) == (False, None, 4)


async def test_a_folder_above_the_limit_is_refused(client: SandboxClient, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 9_000_000)
    body = {"source": {"kind": "directory", "path": str(tmp_path)}}
    answer = await client.http.put("/v1/workspaces/wrong", json=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "workspace_too_large")


def archive(
    *members: tuple[str, bytes], mode: str = "w:gz", link: str | None = None, kind: bytes = b"2", links: int = 1
) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:  # pyright: ignore[reportArgumentType, reportCallIssue]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for number in range(links if link is not None else 0):
            info = tarfile.TarInfo(f"link{number or ''}")
            info.type, info.linkname = kind, link or ""
            tar.addfile(info)
    return out.getvalue()


@pytest.mark.parametrize("mode", ["w:", "w:gz", "w:xz"])
async def test_an_archive_is_unpacked(client: SandboxClient, mode: str) -> None:
    content = archive(("a/b.txt", b"hello"), mode=mode)
    headers = {"content-type": "application/x-tar"}
    url = f"/v1/workspaces/archive-{mode[2:]}"
    answer = await client.http.put(url, content=content, headers=headers)
    assert (answer.status_code, answer.json()["source"]) == (201, "archive")
    assert (Path(answer.json()["path"]) / "a" / "b.txt").read_text() == "hello"
    assert (await client.http.put(url, content=content, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (archive(("../out", b"x")), 422, "bad_archive"),
        (archive(link="/etc"), 422, "bad_archive"),
        (archive(link="../../.."), 422, "bad_archive"),
        (archive(link="/etc/passwd", kind=tarfile.LNKTYPE), 422, "bad_archive"),
        (archive(link="", kind=tarfile.CHRTYPE), 422, "bad_archive"),
        (archive(("link/out", b"x"), link="inner"), 422, "bad_archive"),
        (b"no archive at all", 422, "bad_archive"),
        (archive(("a", b"x" * 1000))[:-40], 422, "bad_archive"),
        (archive(("bomb", b"\0" * 9_000_000)), 413, "workspace_too_large"),
        (archive(("a", b"\0" * 2_000_000), link="a", kind=tarfile.LNKTYPE, links=5), 413, "workspace_too_large"),
        (os.urandom(1_100_000), 413, "body_too_large"),
    ],
    ids=["up", "absolute-link", "link-up", "hard-link", "device", "twice", "rubbish", "cut", "bomb", "links", "large"],
)
async def test_a_bad_archive_is_refused(
    client: SandboxClient, server: SandboxServer, content: bytes, status: int, code: str
) -> None:
    headers = {"content-type": "application/gzip"}
    answer = await client.http.put("/v1/workspaces/wrong", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not [path.name for path in server.root.iterdir() if path.name.startswith((".making", ".upload"))]


async def test_an_unknown_media_type_is_refused(client: SandboxClient) -> None:
    answer = await client.http.put("/v1/workspaces/wrong", content=b"x", headers={"content-type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")

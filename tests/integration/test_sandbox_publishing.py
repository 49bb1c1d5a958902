"""How the result of a workspace gets out: pushed to a real remote, or handed out as a bundle."""

import asyncio
import io
import tarfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.repositories import commit_all, git, new_repository
from tests.support.sandbox import SandboxClient, SandboxServer, running_sandbox


@pytest.fixture(scope="module", params=["off", "auto"])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    with running_sandbox({"SANDBOX_BUBBLEWRAP": request.param, "SANDBOX_MAX_ARCHIVE_MB": "1"}) as started:
        yield started


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[SandboxClient]:
    async with server.client() as made:
        yield made


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository with one commit on main."""
    seed = new_repository(tmp_path / "seed")
    (seed / "kept.txt").write_text("one\n")
    commit_all(seed, "first")
    git(tmp_path, "clone", "--quiet", "--bare", "seed", "remote.git")
    return tmp_path / "remote.git"


async def worked(client: SandboxClient, remote: Path, **more: str) -> dict[str, Any]:
    """A workspace in which something was changed."""
    made = await client.workspace({"kind": "git", "url": str(remote), **more})
    text, process = await client.run(made["name"], "open('new.txt', 'w').write('new\\n')")
    assert process.exit_code == 0, text
    return made


async def publish(client: SandboxClient, name: str, **asked: Any) -> dict[str, Any]:
    answer = await client.http.post(f"/v1/workspaces/{name}/publish", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def bundle(client: SandboxClient, name: str, target: Path) -> str | None:
    """Save the bundle to a file; its media type, or None when there is nothing."""
    answer = await client.http.get(f"/v1/workspaces/{name}/bundle")
    if answer.status_code == 204:
        return None
    assert answer.status_code == 200, answer.text
    await asyncio.to_thread(target.write_bytes, answer.content)
    return answer.headers["content-type"]


@pytest.mark.parametrize("form", ["{}", "file://{}"])
async def test_a_result_is_pushed_once_however_often_that_is_asked_for(
    client: SandboxClient, remote: Path, form: str
) -> None:
    made = await worked(client, remote, branch="feature/x")
    url = form.format(remote)
    first = await publish(client, made["name"], push=True, url=url)
    assert (first["branch"], first["committed"], first["pushed"], first["error"]) == ("feature/x", True, True, None)
    assert first["commits"] == [first["commit"]]
    assert git(remote, "rev-parse", "feature/x") == first["commit"]
    assert git(remote, "show", "feature/x:new.txt") == "new"
    again = await publish(client, made["name"], push=True, url=url)
    assert again == first | {"committed": False}
    assert git(remote, "rev-list", "--count", "feature/x") == "2"


async def test_without_a_push_the_result_is_a_commit_in_the_workspace(client: SandboxClient, remote: Path) -> None:
    made = await worked(client, remote)
    result = await publish(client, made["name"], message="What was left")
    assert (result["pushed"], result["committed"], len(result["commits"])) == (None, True, 1)
    assert git(Path(made["path"]), "log", "-1", "--format=%H %s") == f"{result['commit']} What was left"
    assert git(remote, "branch", "--list", "mews/*") == ""


async def test_nothing_is_pushed_when_nothing_was_changed(client: SandboxClient, remote: Path) -> None:
    made = await client.workspace({"kind": "git", "url": str(remote), "branch": "idle"})
    result = await publish(client, made["name"], push=True, url=str(remote))
    assert (result["commits"], result["pushed"]) == ([], None)
    assert git(remote, "branch", "--list", "idle") == ""


async def test_only_the_commit_that_was_named_is_pushed(client: SandboxClient, remote: Path) -> None:
    made = await worked(client, remote, branch="work")
    verified = (await publish(client, made["name"]))["commit"]
    await client.run(made["name"], "open('late.txt', 'w').write('late')")
    result = await publish(client, made["name"], push=True, url=str(remote), commit=verified)
    assert (result["commit"], result["committed"]) == (verified, False)
    assert git(remote, "rev-parse", "work") == verified


async def test_what_others_pushed_meanwhile_is_not_overwritten(
    client: SandboxClient, remote: Path, tmp_path: Path
) -> None:
    made = await worked(client, remote, branch="main")
    git(tmp_path, "clone", "--quiet", "remote.git", "other")
    (tmp_path / "other" / "theirs.txt").write_text("theirs")
    theirs = commit_all(tmp_path / "other", "theirs")
    git(tmp_path / "other", "push", "--quiet", "origin", "main")
    result = await publish(client, made["name"], push=True, url=str(remote))
    assert result["pushed"] is False
    assert "commits that this result does not build on; nothing was overwritten" in result["error"]
    assert git(remote, "rev-parse", "main") == theirs
    assert await bundle(client, made["name"], tmp_path / "result.bundle") == "application/x-git-bundle"
    git(tmp_path / "other", "fetch", "--quiet", str(tmp_path / "result.bundle"), "main:rescued")
    assert git(tmp_path / "other", "rev-parse", "rescued") == result["commit"]


async def test_a_branch_that_is_checked_out_at_the_remote_is_not_pushed_to(
    client: SandboxClient, remote: Path, tmp_path: Path
) -> None:
    seed = tmp_path / "seed"
    made = await worked(client, seed, branch="main")
    result = await publish(client, made["name"], push=True, url=str(seed))
    assert (result["pushed"], "receive.denyCurrentBranch" in result["error"]) == (False, True)
    assert git(seed, "status", "--porcelain") == ""


async def test_what_a_task_configures_has_no_part_in_a_push(
    client: SandboxClient, remote: Path, tmp_path: Path
) -> None:
    made = await worked(client, remote, branch="work")
    tree, elsewhere = Path(made["path"]), tmp_path / "elsewhere.git"
    git(tmp_path, "init", "--quiet", "--bare", "elsewhere.git")
    git(tree, "config", f"url.{elsewhere}.insteadOf", str(remote))
    git(tree, "config", "credential.helper", f"!touch {tmp_path}/ran")
    git(tree, "config", "core.sshCommand", f"touch {tmp_path}/ran")
    hook = tree / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    result = await publish(client, made["name"], push=True, url=str(remote))
    assert result["pushed"] is True, result["error"]
    assert git(remote, "rev-parse", "work") == result["commit"]
    assert git(elsewhere, "branch", "--list") == ""
    assert not (tmp_path / "ran").exists()


async def test_credentials_reach_the_remote_and_nothing_else(
    client: SandboxClient, server: SandboxServer, remote: Path, tmp_path: Path
) -> None:
    made = await worked(client, remote, branch="work")
    with listening() as (port, heard):
        url = f"http://robot:s3cret%2Fword@127.0.0.1:{port}/x.git"
        result = await publish(client, made["name"], push=True, url=url)
    assert result["pushed"] is False
    assert "s3cret" not in result["error"]
    assert heard[0] == "Basic cm9ib3Q6czNjcmV0L3dvcmQ="
    assert "s3cret" not in server.log.read_text()
    assert all("s3cret" not in text for text in texts_below(server.root))


async def test_a_push_to_nowhere_ends_in_its_time(client: SandboxClient, remote: Path, tmp_path: Path) -> None:
    made = await worked(client, remote, branch="work")
    gone = await publish(client, made["name"], push=True, url=str(tmp_path / "gone.git"))
    assert (gone["pushed"], "gone.git" in gone["error"]) == (False, True)
    with listening(silent=True) as (port, _):
        late = await publish(client, made["name"], push=True, url=f"http://127.0.0.1:{port}/x.git", timeout_ms=300)
    assert (late["pushed"], late["error"]) == (False, "git took longer than 300 ms")


async def test_a_request_that_cannot_be_done_says_why(client: SandboxClient) -> None:
    made = await client.workspace()
    plain = await client.http.post(f"/v1/workspaces/{made['name']}/publish", json={})
    assert (plain.status_code, plain.json()["code"]) == (409, "not_a_repository")
    nowhere = await client.http.post(f"/v1/workspaces/{made['name']}/publish", json={"push": True})
    assert (nowhere.status_code, "url: needed to push" in nowhere.text) == (422, True)


async def test_a_bundle_holds_all_branches_that_were_made(client: SandboxClient, remote: Path, tmp_path: Path) -> None:
    made = await worked(client, remote, branch="work")
    result = await publish(client, made["name"])
    tree = Path(made["path"])
    git(tree, "checkout", "--quiet", "-b", "aside", "HEAD~1")
    (tree / "aside.txt").write_text("aside")
    aside = commit_all(tree, "aside")
    git(tree, "checkout", "--quiet", "work")
    await bundle(client, made["name"], tmp_path / "result.bundle")
    git(tmp_path, "clone", "--quiet", "remote.git", "there")
    git(tmp_path / "there", "fetch", "--quiet", str(tmp_path / "result.bundle"), "refs/heads/*:refs/remotes/result/*")
    assert git(tmp_path / "there", "rev-parse", "result/work", "result/aside").split() == [result["commit"], aside]
    heads = git(tmp_path / "there", "bundle", "list-heads", str(tmp_path / "result.bundle"))
    assert sorted(line.split()[1] for line in heads.splitlines()) == ["HEAD", "refs/heads/aside", "refs/heads/work"]


async def test_a_repository_that_was_empty_can_be_cloned_from_its_bundle(client: SandboxClient, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "empty.git")
    made = await worked(client, tmp_path / "empty.git", branch="main")
    result = await publish(client, made["name"])
    await bundle(client, made["name"], tmp_path / "result.bundle")
    git(tmp_path, "clone", "--quiet", "result.bundle", "cloned")
    assert git(tmp_path / "cloned", "rev-parse", "HEAD") == result["commit"]


async def test_there_is_no_bundle_of_nothing(client: SandboxClient, remote: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("1")
    for source in (
        {"kind": "empty"},
        {"kind": "git", "url": str(remote)},
        {"kind": "directory", "path": str(tmp_path / "folder")},
    ):
        made = await client.workspace(source)
        assert await bundle(client, made["name"], tmp_path / "none") is None


async def test_without_git_the_changed_files_are_handed_out(client: SandboxClient, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "same.txt").write_text("same")
    (folder / "old.txt").write_text("old")
    made = await client.workspace({"kind": "directory", "path": str(folder)})
    await client.run(
        made["name"],
        "import os\nopen('old.txt', 'a').write('er')\nos.mkdir('deep')\nopen('deep/new.txt', 'w').write('new')\n"
        "os.symlink('/etc/passwd', 'link')\nos.mkfifo('pipe')\n",
    )
    inner = new_repository(Path(made["path"]) / "inner")
    (inner / "own.txt").write_text("own")
    commit_all(inner, "own")
    target = tmp_path / "changes.tar.gz"
    assert await bundle(client, made["name"], target) == "application/gzip"
    with tarfile.open(fileobj=io.BytesIO(target.read_bytes())) as tar:
        names = set(tar.getnames())
        assert tar.getmember("link").linkname == "/etc/passwd"
        changed = tar.extractfile("old.txt")
        assert changed is not None
        assert changed.read() == b"older"
    assert {"old.txt", "deep/new.txt", "link", "inner/own.txt", "inner/.git/HEAD"} <= names
    assert not names & {"same.txt", "pipe"}


async def test_a_bundle_that_is_too_large_is_refused(client: SandboxClient, remote: Path) -> None:
    for source in ({"kind": "empty"}, {"kind": "git", "url": str(remote)}):
        made = await client.workspace(source)
        await client.run(made["name"], "import os\nopen('big', 'wb').write(os.urandom(2 * 1024 * 1024))")
        if made["git"]:
            await publish(client, made["name"])
        answer = await client.http.get(f"/v1/workspaces/{made['name']}/bundle")
        assert (answer.status_code, answer.json()["code"]) == (413, "bundle_too_large")


@contextmanager
def listening(*, silent: bool = False) -> Iterator[tuple[int, list[str]]]:
    """An HTTP server that has no repository, and what credentials it heard."""
    heard: list[str] = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("Authorization", ""))
            if silent:
                over.wait(20)
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            return

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield http.server_port, heard
    finally:
        over.set()
        http.shutdown()
        thread.join()
        http.server_close()


def texts_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path.read_bytes().decode(errors="replace")

"""What becomes of workspaces in a real sandbox: changes, the checkout of a result, removal."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.sandbox import SandboxClient, SandboxServer, running_sandbox
from tests.support.waiting import eventually

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


CHANGE = """
import os
open('kept.txt', 'a').write('three\\n')
os.rename('second.txt', 'renamed.txt')
open('new.txt', 'w').write('a\\nb\\n')
open('noise.log', 'w').write('x')
open('binary', 'wb').write(bytes(range(256)))
"""


async def test_a_diff_shows_what_was_changed_committed_or_not(client: SandboxClient, repository: Path) -> None:
    made = await client.workspace(source(repository))
    commit = "import subprocess\nsubprocess.run(['git', 'commit', '-qam', 'x'], check=True)\n"
    text, process = await client.run(made["name"], "open('kept.txt','a').write('2.5\\n')\n" + commit + CHANGE)
    assert process.exit_code == 0, text
    diff = (await client.http.get(f"/v1/workspaces/{made['name']}/diff")).json()
    assert [(file["path"], file["status"], file["added_lines"], file["removed_lines"]) for file in diff["files"]] == [
        ("binary", "added", None, None),
        ("kept.txt", "modified", 2, 0),
        ("new.txt", "added", 2, 0),
        ("renamed.txt", "renamed", 0, 0),
    ]
    assert diff["files"][3]["previous_path"] == "second.txt"
    assert (diff["files_changed"], diff["added_lines"], diff["removed_lines"]) == (4, 4, 0)
    assert "4 files changed" in diff["stat"]
    assert diff["base_commit"] == made["base_commit"] != diff["head_commit"]


async def test_a_folder_without_git_has_a_diff_too(client: SandboxClient, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1\n")
    made = await client.workspace({"kind": "directory", "path": str(tmp_path)})
    await client.run(made["name"], "open('a.txt', 'a').write('2\\n')")
    diff = (await client.http.get(f"/v1/workspaces/{made['name']}/diff")).json()
    assert [(file["path"], file["added_lines"]) for file in diff["files"]] == [("a.txt", 1)]
    assert (diff["base_commit"], diff["head_commit"]) == (None, None)


async def test_uncommitted_changes_of_a_copied_repository_are_part_of_its_base(
    client: SandboxClient, repository: Path
) -> None:
    (repository / "kept.txt").write_text("not committed\n")
    made = await client.workspace({"kind": "directory", "path": str(repository)})
    assert made["base_commit"] == git(repository, "rev-parse", "HEAD")
    diff = (await client.http.get(f"/v1/workspaces/{made['name']}/diff")).json()
    assert diff["files_changed"] == 0


async def test_a_change_that_a_task_hides_from_git_is_seen(client: SandboxClient, repository: Path) -> None:
    made = await client.workspace(source(repository))
    tree = Path(made["path"])
    git(tree, "update-index", "--assume-unchanged", "kept.txt")
    (tree / "kept.txt").write_text("hidden\n")
    diff = (await client.http.get(f"/v1/workspaces/{made['name']}/diff")).json()
    assert [file["path"] for file in diff["files"]] == ["kept.txt"]


async def test_a_checkout_is_clean_and_holds_the_result(client: SandboxClient, repository: Path) -> None:
    made = await client.workspace(source(repository, branch="work"))
    await client.run(made["name"], CHANGE)
    target = f"{made['name']}.verify"
    answer = await client.http.post(
        f"/v1/workspaces/{made['name']}/checkout", json={"target": target, "message": "What was left"}
    )
    assert answer.status_code == 201, answer.text
    result = answer.json()
    tree = Path(result["workspace"]["path"])
    assert result["committed"] is True
    assert sorted(os.listdir(tree)) == [
        ".git", ".gitignore", "binary", "kept.txt", "new.txt", "renamed.txt",
    ]  # fmt: skip
    assert git(tree, "status", "--porcelain") == ""
    assert git(tree, "rev-parse", "HEAD") == result["commit"] == result["workspace"]["base_commit"]
    assert git(tree, "log", "-1", "--format=%an %s") == "mews What was left"
    assert git(tree, "rev-parse", "HEAD~1") == made["base_commit"]
    origin = Path(made["path"])
    assert git(origin, "rev-parse", "work") == result["commit"]
    assert git(origin, "status", "--porcelain") == ""
    again = await client.http.post(f"/v1/workspaces/{made['name']}/checkout", json={"target": f"{target}2"})
    assert (again.json()["committed"], again.json()["commit"]) == (False, result["commit"])


async def test_a_checkout_without_git_is_a_copy(client: SandboxClient, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1\n")
    made = await client.workspace({"kind": "directory", "path": str(tmp_path)})
    await client.run(made["name"], "open('b.txt', 'w').write('2\\n')")
    answer = await client.http.post(f"/v1/workspaces/{made['name']}/checkout", json={"target": f"{made['name']}.v"})
    result = answer.json()
    assert (result["commit"], result["committed"]) == (None, False)
    assert sorted(os.listdir(result["workspace"]["path"])) == ["a.txt", "b.txt"]


async def test_what_a_task_configures_does_not_reach_the_checkout(
    client: SandboxClient, repository: Path, tmp_path: Path
) -> None:
    made = await client.workspace(source(repository))
    tree = Path(made["path"])
    hook = tree / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    git(tree, "config", "core.hooksPath", str(hook.parent))
    git(tree, "config", "core.fsmonitor", f"touch {tmp_path}/ran")
    git(tree, "config", "core.pager", f"touch {tmp_path}/ran")
    answer = await client.http.post(f"/v1/workspaces/{made['name']}/checkout", json={"target": f"{made['name']}.v"})
    config = Path(answer.json()["workspace"]["path"]) / ".git" / "config"
    assert "fsmonitor" not in config.read_text()
    assert not (tmp_path / "ran").exists()


async def test_a_checkout_into_itself_or_over_another_is_refused(client: SandboxClient) -> None:
    first, second = (await client.workspace() for _ in range(2)), await client.workspace()
    name = (await anext(first))["name"]
    for target in (name, second["name"]):
        answer = await client.http.post(f"/v1/workspaces/{name}/checkout", json={"target": target})
        assert (answer.status_code, answer.json()["code"]) == (409, "workspace_exists")


async def test_removing_ends_processes_and_takes_everything_away(client: SandboxClient, server: SandboxServer) -> None:
    made = await client.workspace()
    process_id = await client.python(
        made["name"],
        "import os, time\nos.makedirs('a/b'); open('a/b/c', 'w'); os.chmod('a/b', 0); os.chmod('a', 0)\n"
        "print('ready'); time.sleep(300)",
    )
    await eventually(lambda: (Path(made["path"]) / "a").exists())
    assert (await client.http.delete(f"/v1/workspaces/{made['name']}")).status_code == 204
    assert (await client.http.get(f"/v1/workspaces/{made['name']}")).status_code == 404
    assert (await client.http.get(f"/v1/processes/{process_id}")).status_code == 404
    assert made["name"] not in (await client.http.get("/v1/workspaces", params={"limit": 1000})).json()["items"]
    assert not list(server.root.glob(".removed-*"))
    assert (await client.http.delete(f"/v1/workspaces/{made['name']}")).status_code == 204
    assert (await client.workspace(name=made["name"]))["files"] == 0


async def test_workspaces_are_listed_in_pages(client: SandboxClient) -> None:
    made = sorted([(await client.workspace())["name"] for _ in range(3)])
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.http.get("/v1/workspaces", params={"cursor": cursor, "limit": 1})).json()
        seen, cursor = seen + page["items"], page["next_cursor"]
    assert [name for name in seen if name in made] == made


async def test_an_agent_can_commit_without_further_ado(client: SandboxClient, repository: Path) -> None:
    made = await client.workspace(source(repository))
    commands = "echo x > y && git add y && git commit -qm y && git log -1"
    process_id = await client.start(made["name"], "sh", "-c", commands)
    text, process = await client.finish(process_id)
    assert process.exit_code == 0, text
    assert "Author: mews" in text

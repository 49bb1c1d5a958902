"""The limit of disk that a workspace of a real sandbox takes, however it is taken."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from contracts.sandbox import EndReason
from tests.support.sandbox import SandboxClient, SandboxServer, running_sandbox
from tests.support.waiting import eventually

FILL = (
    "import os\nwith open(os.path.expanduser({path!r}), 'wb', buffering=0) as file:\n"
    "    while True: file.write(b'x' * 100_000)"
)
TINY = "import os\nn = 0\nwhile True:\n    open(f'{n}', 'w').close(); n += 1"
HIDDEN = "import os, time\nos.mkdir('d'); open('d/f', 'wb').write(b'x' * 30_000_000); os.chmod('d', 0)\ntime.sleep(300)"
# Deeper than is gone through, and more than the limit; bounded, since to remove it takes up to 1 ms for each level.
DEEP = "import os, time\nfor _ in range(6_000):\n    os.mkdir('d'); os.chdir('d')\ntime.sleep(300)"
REMOVAL_S = 90


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with running_sandbox() as started:
        yield started


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[SandboxClient]:
    async with server.client() as made:
        made.http.timeout = REMOVAL_S
        yield made


@pytest.mark.parametrize(
    "code",
    [
        FILL.format(path="big"),
        FILL.format(path="~/big"),
        TINY,
        HIDDEN,
        DEEP,
    ],
    ids=["one-file", "in-home", "tiny-files", "unreadable-folder", "deep-folders"],
)
async def test_what_takes_too_much_disk_is_ended_and_can_be_removed(client: SandboxClient, code: str) -> None:
    made = await client.workspace()
    _, process = await client.run(made["name"], code, limits={"disk_mb": 20})
    assert process.reason is EndReason.DISK_LIMIT
    assert process.usage.disk_mb > 20
    assert (await client.http.get(f"/v1/workspaces/{made['name']}")).status_code == 200
    assert (await client.http.delete(f"/v1/workspaces/{made['name']}")).status_code == 204
    assert not Path(made["path"]).parent.exists()


async def test_what_a_workspace_takes_is_told_and_a_raised_limit_holds(client: SandboxClient) -> None:
    made = await client.workspace()
    code = "import sys\nopen('a', 'wb').write(b'x' * 10_000_000)\nsys.stdin.readline()\n"
    code += "open('b', 'wb').write(b'x' * 20_000_000)\nsys.stdin.readline()"
    process_id = await client.python(made["name"], code, stdin_open=True, limits={"disk_mb": 20})

    async def takes(least: float) -> bool:
        usage = (await client.http.get(f"/v1/processes/{process_id}/usage")).json()
        return usage["disk_mb"] > least

    await eventually(lambda: takes(9))
    answer = await client.http.patch(f"/v1/processes/{process_id}/limits", json={"disk_mb": 40})
    assert answer.json()["limits"]["disk_mb"] == 40
    await client.http.post(f"/v1/processes/{process_id}/stdin", json={"text": "go\n"})
    await eventually(lambda: takes(28))
    assert (await client.http.delete(f"/v1/processes/{process_id}")).json()["reason"] == "cancelled"

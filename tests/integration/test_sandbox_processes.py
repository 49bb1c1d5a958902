"""Processes of a real sandbox: starting, streaming, standard input."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from contracts.sandbox import EndReason, OutputChunk, OutputEnd
from tests.support.sandbox import SandboxClient, SandboxServer, running_sandbox

SECRET = "leave-me-at-home"


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with running_sandbox({"SANDBOX_TEST_SECRET": SECRET, "SECRET_TOKEN": SECRET}) as started:
        yield started


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[SandboxClient]:
    async with server.client() as made:
        yield made


@pytest.fixture
async def workspace(client: SandboxClient) -> str:
    return (await client.workspace())["name"]


async def first_line(client: SandboxClient, process_id: str) -> str:
    async for record in client.records(process_id, stream="stdout"):
        if isinstance(record, OutputChunk):
            return record.text.splitlines()[0]
    raise AssertionError("no output")


async def test_output_is_streamed_while_the_process_runs_and_resumed_from_an_offset(
    client: SandboxClient, workspace: str
) -> None:
    code = "import os, sys\nos.write(1, b'one\\n')\nsys.stdin.readline()\nprint('two', file=sys.stderr)\nprint('three')"
    process_id = await client.python(workspace, code, stdin_open=True)
    async for record in client.records(process_id):
        assert isinstance(record, OutputChunk)
        first = record
        break
    assert (first.text, first.offset, first.size) == ("one\n", 0, 4)
    answer = await client.http.post(f"/v1/processes/{process_id}/stdin", json={"text": "go\n", "close": True})
    assert answer.status_code == 204
    rest, process = await client.finish(process_id, offset=first.offset + first.size)
    assert sorted(rest.splitlines()) == ["three", "two"]
    assert (process.reason, process.exit_code, process.signal) == (EndReason.EXITED, 0, None)
    assert (process.stdout_bytes, process.stderr_bytes) == (10, 4)
    whole, _ = await client.finish(process_id)
    assert whole == "one\n" + rest


async def test_a_resume_in_the_middle_of_a_chunk_goes_on_there(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, "print('abcdef')")
    await client.finish(process_id)
    assert (await client.finish(process_id, offset=4))[0] == "ef\n"


async def test_one_stream_alone_can_be_read(client: SandboxClient, workspace: str) -> None:
    code = "import sys\nfor n in range(50): print(n, file=sys.stderr if n % 2 else sys.stdout)"
    process_id = await client.python(workspace, code)
    text, _ = await client.finish(process_id, stream="stderr")
    assert text.split() == [str(n) for n in range(1, 50, 2)]


async def test_output_without_follow_ends_while_the_process_runs(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, "import os, time\nos.write(1, b'x\\n'); time.sleep(300)")
    await first_line(client, process_id)
    text, process = await client.finish(process_id, follow=False)
    assert (text, process.state) == ("x\n", "running")
    await client.http.delete(f"/v1/processes/{process_id}")


async def test_a_character_that_is_written_in_two_parts_is_read_as_one(client: SandboxClient, workspace: str) -> None:
    code = "import os, time\nos.write(1, b'\\xc3'); time.sleep(0.1); os.write(1, b'\\xbc'); os.write(1, b'\\xff')"
    text, process = await client.run(workspace, code)
    assert text == "ü\ufffd"
    assert process.stdout_bytes == 3


async def test_large_output_is_kept_whole_and_in_order(client: SandboxClient, workspace: str) -> None:
    text, _ = await client.run(workspace, "for n in range(200000): print(n)", limits={"output_mb": 4})
    assert text == "".join(f"{n}\n" for n in range(200_000))


async def test_the_environment_holds_what_was_given_and_little_else(client: SandboxClient, workspace: str) -> None:
    text, _ = await client.run(workspace, "import os, json; print(json.dumps(dict(os.environ)))", env={"GIVEN": "1"})
    assert SECRET not in text
    # LC_CTYPE is set by Python itself; the others are passed on where the sandbox has them.
    names = set(json.loads(text)) - {"LC_CTYPE", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    assert names == {"PATH", "LANG", "HOME", "TMPDIR", "GIVEN"}


async def test_the_supervisor_does_not_have_the_environment_either(client: SandboxClient, workspace: str) -> None:
    code = "import os; print(open(f'/proc/{os.getppid()}/environ').read())"
    assert SECRET not in (await client.run(workspace, code))[0]


async def test_no_descriptor_of_the_sandbox_is_inherited(client: SandboxClient, workspace: str) -> None:
    text, _ = await client.run(workspace, "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))")
    assert text.startswith("[0, 1, 2, 3]")  # 3 is the folder that is being listed


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"argv": ["no-such-program"]}, 422, "cannot_execute"),
        ({"argv": ["/etc/passwd"]}, 422, "cannot_execute"),
        ({"argv": ["true"], "cwd": "absent"}, 422, "cannot_execute"),
        ({"argv": ["true"], "cwd": "../home"}, 403, "path_escapes"),
        ({"argv": ["true"], "cwd": "/etc"}, 403, "path_escapes"),
        ({"argv": []}, 422, "invalid_input"),
        ({"argv": ["a\0b"]}, 422, "invalid_input"),
        ({"argv": ["true"], "env": {"A=B": "c"}}, 422, "invalid_input"),
        ({"argv": ["true"], "colour": "red"}, 422, "invalid_input"),
        ({"argv": ["true"], "workspace": "absent"}, 404, "workspace_not_found"),
        ({"argv": ["true"], "workspace": ".."}, 422, "invalid_input"),
    ],
)
async def test_what_cannot_be_started_is_refused(
    client: SandboxClient, workspace: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await client.http.post("/v1/processes", json={"workspace": workspace, **body})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_folder_that_a_link_leads_out_to_is_not_entered(client: SandboxClient, workspace: str) -> None:
    await client.run(workspace, "import os; os.symlink('/etc', 'way-out')")
    body = {"workspace": workspace, "argv": ["true"], "cwd": "way-out"}
    answer = await client.http.post("/v1/processes", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "cannot_execute")


async def test_a_repeat_under_the_same_id_starts_nothing(client: SandboxClient, workspace: str) -> None:
    body = {"workspace": workspace, "argv": ["sh", "-c", "echo x >> ran"], "process_id": f"{workspace}-once"}
    answers = await asyncio.gather(*(client.http.post("/v1/processes", json=body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    await client.finish(body["process_id"])
    assert (await client.http.get(f"/v1/files/{workspace}/ran")).text == "x\n"
    other = await client.http.post("/v1/processes", json={**body, "argv": ["true"]})
    assert (other.status_code, other.json()["code"]) == (409, "process_exists")


async def test_standard_input_is_given_and_closed(client: SandboxClient, workspace: str) -> None:
    text, _ = await client.run(workspace, "import sys; print(sys.stdin.read().upper())", stdin="häßlich\n" * 100_000)
    assert text == "HÄSSLICH\n" * 100_000 + "\n"


async def test_standard_input_that_nobody_reads_is_refused_in_the_end(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, "import time; time.sleep(300)", stdin_open=True)
    part = {"text": "x" * 4_000_000}
    codes = [(await client.http.post(f"/v1/processes/{process_id}/stdin", json=part)).status_code for _ in range(3)]
    assert codes == [204, 204, 409]
    await client.http.delete(f"/v1/processes/{process_id}")
    late = await client.http.post(f"/v1/processes/{process_id}/stdin", json=part)
    assert late.json()["code"] == "process_ended"


async def test_standard_input_that_was_not_left_open_cannot_be_written(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, "import time; time.sleep(300)")
    answer = await client.http.post(f"/v1/processes/{process_id}/stdin", json={"text": "x"})
    assert answer.json()["code"] == "stdin_closed"
    await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": 0})


async def test_waiting_returns_at_the_end_or_when_the_time_is_over(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, "input()", stdin_open=True)
    early = await client.http.get(f"/v1/processes/{process_id}/wait", params={"timeout_ms": 50})
    assert early.json()["state"] == "running"
    waiting = asyncio.create_task(client.http.get(f"/v1/processes/{process_id}/wait"))
    await client.http.post(f"/v1/processes/{process_id}/stdin", json={"text": "\n"})
    assert (await waiting).json()["exit_code"] == 0


async def test_processes_are_listed_by_workspace_in_pages(client: SandboxClient, workspace: str) -> None:
    ids = [await client.start(workspace, "true") for _ in range(3)]
    params = {"workspace": workspace, "limit": "2"}
    first = (await client.http.get("/v1/processes", params=params)).json()
    second = (await client.http.get("/v1/processes", params={**params, "cursor": first["next_cursor"]})).json()
    assert [item["process_id"] for item in first["items"] + second["items"]] == ids
    assert second["next_cursor"] is None


async def test_twenty_processes_run_side_by_side(client: SandboxClient, workspace: str) -> None:
    code = "import sys\nfor n in range(500): print(sys.argv[1], n)\nsys.stdin.read()"
    ids = await asyncio.gather(
        *(client.start(workspace, sys.executable, "-u", "-c", code, str(n), stdin_open=True) for n in range(20))
    )
    listed = (await client.http.get("/v1/processes", params={"workspace": workspace})).json()["items"]
    assert sum(item["state"] == "running" for item in listed) == 20
    for process_id in ids:
        await client.http.post(f"/v1/processes/{process_id}/stdin", json={"close": True})
    finished = await asyncio.gather(*(client.finish(process_id) for process_id in ids))
    for number, (text, process) in enumerate(finished):
        assert text == "".join(f"{number} {n}\n" for n in range(500))
        assert process.exit_code == 0


async def test_followers_hear_the_same_and_all_hear_the_end(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, "for n in range(1000): print(n)")
    heard = await asyncio.gather(*(client.finish(process_id) for _ in range(5)))
    assert len({text for text, _ in heard}) == 1
    assert heard[0][0].endswith("999\n")


async def test_the_last_record_comes_after_all_output(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, "print('x' * 100)")
    records = [record async for record in client.records(process_id)]
    assert isinstance(records[-1], OutputEnd)
    assert records[-1].offset == 101

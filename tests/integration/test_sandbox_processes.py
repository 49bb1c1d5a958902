"""Processes of a real sandbox: streaming, ending, limits."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.sandbox import EndReason, OutputChunk, OutputEnd
from tests.support.sandbox import SandboxClient, SandboxServer, running_sandbox
from tests.support.waiting import eventually

SECRET = "leave-me-at-home"

# A child that ignores TERM, leaves the session by forking twice, and says its pid when it is settled.
RUNAWAY = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(os.getpid())
        if CLOSE:
            for n in (0, 1, 2): os.close(n)
        time.sleep(300)
    os._exit(0)
os.wait()
"""
IGNORE_AND_WAIT = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(300)"


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


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


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
    # LC_CTYPE is set by Python itself.
    names = set(json.loads(text)) - {"LC_CTYPE"}
    assert names == {"PATH", "LANG", "HOME", "TMPDIR", "GIVEN"}


async def test_the_supervisor_does_not_have_the_environment_either(client: SandboxClient, workspace: str) -> None:
    code = "import os; print(open(f'/proc/{os.getppid()}/environ').read())"
    assert SECRET not in (await client.run(workspace, code))[0]


async def test_no_descriptor_of_the_sandbox_is_inherited(client: SandboxClient, workspace: str) -> None:
    text, _ = await client.run(workspace, "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))")
    assert text.startswith("[0, 1, 2, 3]")  # 3 is the folder that is being listed


async def test_ending_kills_a_double_forked_child_that_ignores_term(client: SandboxClient, workspace: str) -> None:
    code = "CLOSE = False\n" + RUNAWAY + IGNORE_AND_WAIT
    process_id = await client.python(workspace, code)
    pid = int(await first_line(client, process_id))
    assert alive(pid)
    answer = await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": 100})
    assert answer.json()["reason"] == "cancelled"
    assert answer.json()["signal"] == signal.SIGKILL
    assert not alive(pid)


async def test_what_a_process_leaves_behind_ends_with_it(client: SandboxClient, workspace: str) -> None:
    text, process = await client.run(workspace, "CLOSE = True\n" + RUNAWAY + "time.sleep(0.2)")
    assert (process.reason, process.exit_code) == (EndReason.EXITED, 0)
    assert not alive(int(text))


async def test_term_gives_time_to_clean_up(client: SandboxClient, workspace: str) -> None:
    code = (
        "import signal, sys, time\n"
        "def stop(*_):\n    time.sleep(0.2); print('cleaned'); sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, stop)\nprint('ready')\ntime.sleep(300)"
    )
    process_id = await client.python(workspace, code)
    await first_line(client, process_id)
    answer = await client.http.delete(f"/v1/processes/{process_id}")
    assert (answer.json()["reason"], answer.json()["exit_code"]) == ("cancelled", 3)
    assert (await client.finish(process_id))[0] == "ready\ncleaned\n"


async def test_ending_what_has_ended_changes_nothing(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, "raise SystemExit(7)")
    await client.finish(process_id)
    answer = await client.http.delete(f"/v1/processes/{process_id}")
    assert (answer.status_code, answer.json()["reason"], answer.json()["exit_code"]) == (200, "exited", 7)


async def test_the_tree_dies_when_its_supervisor_is_killed(client: SandboxClient, workspace: str) -> None:
    kill = "\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(300)"
    text, process = await client.run(workspace, "CLOSE = True\n" + RUNAWAY + kill)
    assert (process.reason, process.exit_code) == (EndReason.SIGNALLED, None)
    await eventually(lambda: not alive(int(text)))


async def test_a_signal_reaches_the_whole_group(client: SandboxClient, workspace: str) -> None:
    code = (
        "import os, signal, time\n"
        "def heard(*_):\n    print('heard'); os._exit(0)\n"
        "signal.signal(signal.SIGUSR1, heard)\n"
        "child = os.fork()\n"
        "if child: print('ready')\n"
        "time.sleep(300)"
    )
    process_id = await client.python(workspace, code.replace("time.sleep", "signal.pause(); time.sleep"))
    await first_line(client, process_id)
    answer = await client.http.post(f"/v1/processes/{process_id}/signal", json={"signal": "SIGSTOP"})
    assert answer.status_code == 204
    for name in ("SIGUSR1", "SIGCONT"):
        await client.http.post(f"/v1/processes/{process_id}/signal", json={"signal": name})
    text, process = await client.finish(process_id)
    assert "heard" in text
    assert process.exit_code == 0


async def test_an_unknown_signal_is_refused_with_the_known_ones(client: SandboxClient) -> None:
    answer = await client.http.post("/v1/processes/p/signal", json={"signal": "SIGSEGV"})
    assert answer.status_code == 422
    assert "SIGTERM" in answer.json()["errors"][0]["allowed"]


async def test_a_process_that_a_signal_ended_says_so(client: SandboxClient, workspace: str) -> None:
    _, process = await client.run(workspace, "import os, signal; os.kill(os.getpid(), signal.SIGUSR2)")
    assert (process.reason, process.exit_code, process.signal) == (EndReason.SIGNALLED, None, signal.SIGUSR2)


@pytest.mark.parametrize(
    ("limits", "code", "reason"),
    [
        ({"wall_ms": 300}, "import time; time.sleep(300)", EndReason.TIMED_OUT),
        ({"cpu_ms": 300}, "while True: pass", EndReason.CPU_LIMIT),
        ({"output_mb": 1}, "while True: print('x' * 1000)", EndReason.OUTPUT_LIMIT),
        ({"memory_mb": 64}, "x = b'x' * 200_000_000; import time; time.sleep(300)", EndReason.MEMORY),
        (
            {"processes": 5},
            "import os, time\nfor _ in range(10):\n    if os.fork() == 0: break\ntime.sleep(300)",
            EndReason.PROCESS_LIMIT,
        ),
    ],
    ids=["wall", "cpu", "output", "memory", "processes"],
)
async def test_a_limit_ends_the_process_and_is_named_as_the_reason(
    client: SandboxClient, workspace: str, limits: dict[str, int], code: str, reason: EndReason
) -> None:
    process_id = await client.python(workspace, code, limits=limits)
    async with asyncio.timeout(10):
        _, process = await client.finish(process_id)
    assert process.reason is reason
    assert process.output_truncated is (reason is EndReason.OUTPUT_LIMIT)


async def test_output_is_cut_at_its_limit_and_what_was_before_is_kept(client: SandboxClient, workspace: str) -> None:
    text, process = await client.run(workspace, "while True: print('x' * 99)", limits={"output_mb": 1})
    assert len(text) == process.stdout_bytes == 1024 * 1024
    assert text.startswith("x" * 99 + "\n")


async def test_children_count_towards_the_limit_of_memory(client: SandboxClient, workspace: str) -> None:
    code = "import os, time\nfor _ in range(3):\n    if os.fork() == 0: break\nx = b'x' * 30_000_000\ntime.sleep(300)"
    _, process = await client.run(workspace, code, limits={"memory_mb": 100})
    assert process.reason is EndReason.MEMORY
    assert process.usage.memory_peak_mb > 100


async def test_a_file_above_its_limit_is_an_error_of_the_process(client: SandboxClient, workspace: str) -> None:
    code = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nopen('big', 'wb').write(b'x' * 3_000_000)"
    text, process = await client.run(workspace, code, limits={"file_mb": 1})
    assert "File too large" in text
    assert process.exit_code == 1


async def test_open_files_are_limited(client: SandboxClient, workspace: str) -> None:
    code = "files = [open('/dev/null') for _ in range(100)]"
    text, _ = await client.run(workspace, code, limits={"open_files": 50})
    assert "Too many open files" in text


async def test_a_limit_above_the_ceiling_is_refused(client: SandboxClient, workspace: str) -> None:
    body = {"workspace": workspace, "argv": ["true"], "limits": {"memory_mb": 10_000_000}}
    answer = await client.http.post("/v1/processes", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "limit_too_high")


async def test_use_is_measured_over_the_tree(client: SandboxClient, workspace: str) -> None:
    code = "import os, time\nos.fork()\nx = b'x' * 20_000_000\ntime.sleep(300)"
    process_id = await client.python(workspace, code)

    async def usage() -> dict[str, Any]:
        return (await client.http.get(f"/v1/processes/{process_id}/usage")).json()

    async def is_seen() -> bool:
        seen = await usage()
        return seen["processes"] == 2 and seen["memory_mb"] > 38

    await eventually(is_seen)
    await client.http.delete(f"/v1/processes/{process_id}")
    after = await usage()
    assert (after["processes"], after["memory_mb"]) == (0, 0)
    assert after["memory_peak_mb"] > 38


async def test_cpu_time_includes_children_that_came_and_went(client: SandboxClient, workspace: str) -> None:
    burn = "import time, os\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    code = f"import subprocess, sys\nfor _ in range(2): subprocess.run([sys.executable, '-c', {burn!r}])"
    _, process = await client.run(workspace, code)
    assert process.usage.cpu_ms >= 600


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

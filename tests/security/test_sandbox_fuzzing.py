"""Every operation of the sandbox's API, as a worker that was taken over might ask for it.

No answer is a server's error, each is one that the document knows, and the sandbox works on.
"""

import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
import requests

from tests.support.fuzzing import BOTH, Case, operations, requests_of, try_out
from tests.support.sandbox import UNPRIVILEGED_UID, running_sandbox, why_no_unprivileged_sandbox

WORKSPACE = "known"
# It reads for as long as somebody may write to it; it is ended with the sandbox.
READER = [sys.executable, "-I", "-S", "-c", "import sys\nsys.stdin.read()"]
# These wait for the end of a process, or tell of it until then.
WAITS = ("/v1/processes/{process_id}/output", "/v1/processes/{process_id}/wait")
DEFECTS = ("unexpected error", "the system refused", "Exception in ASGI application\n")
LITTLE = {
    # A folder of the machine may be asked for, any program, and any place to clone from.
    "SANDBOX_MAX_WORKSPACE_MB": "1",
    "SANDBOX_MAX_WORKSPACE_FILES": "1000",
    "SANDBOX_MAX_MEMORY_MB": "256",
    "SANDBOX_DEFAULT_MEMORY_MB": "256",
    "SANDBOX_DEFAULT_WALL_MS": "60000",
    "SANDBOX_MAX_WALL_MS": "60000",
    "SANDBOX_GIT_TIMEOUT_MS": "2000",
    "SANDBOX_GRACE_MS": "100",
}


class Sandbox:
    """A running sandbox, asked with requests of our own making."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.document: dict[str, Any] = http.get("/openapi.json").json()
        self._numbers = count()
        self._last = "none"

    def things(self, path: str) -> dict[str, Any]:
        """Names of things that are there: a workspace with a file, and a process for who asks about one."""
        assert self.http.put(f"/v1/workspaces/{WORKSPACE}").status_code in (200, 201)
        assert self.http.put(f"/v1/files/{WORKSPACE}/file", content=b"content").status_code == 201
        there = {"workspace": WORKSPACE, "name": WORKSPACE, "path": "file"}
        return there | ({"process_id": self._process(path)} if "{process_id}" in path else {})

    def _process(self, path: str) -> str:
        self.http.delete(f"/v1/processes/{self._last}", params={"grace_ms": 0})
        process_id = self._last = f"p-{next(self._numbers)}"
        argv = ["true"] if path in WAITS else READER
        asked = {"workspace": WORKSPACE, "argv": argv, "stdin_open": True, "process_id": process_id}
        started = self.http.post("/v1/processes", json=asked)
        assert started.status_code == 201, started.text
        return process_id

    def send(self, case: Case) -> httpx.Response:
        """What it answers to a generated case."""
        asked = requests.Request(**case.as_transport_kwargs(base_url=str(self.http.base_url))).prepare()
        assert asked.method is not None
        assert asked.url is not None
        headers: Any = dict(asked.headers)
        body: Any = asked.body
        return self.http.request(asked.method, asked.url, headers=headers, content=body)

    def works(self) -> bool:
        """Whether it is ready, and starts processes."""
        return self.http.get("/readyz").json()["ready"] and bool(self.things("{process_id}"))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    uid = UNPRIVILEGED_UID if why_no_unprivileged_sandbox() is None else None
    with running_sandbox(LITTLE, uid=uid) as server:
        transport = httpx.HTTPTransport(uds=str(server.socket))
        with httpx.Client(transport=transport, base_url="http://sandbox", timeout=30) as http:
            yield Sandbox(http)
        assert not [line for line in server.logged() if line["message"] in DEFECTS]


@pytest.mark.timeout(300)
def test_every_operation_answers_any_input_as_its_document_says(sandbox: Sandbox) -> None:
    broken: list[str] = []
    for operation in operations(sandbox.document):
        for mode in BOTH:
            broken += try_out(operation, mode, sandbox.send, sandbox.things)
    assert not broken, "\n\n".join(broken)
    assert sandbox.works()


def test_no_parameter_and_no_body_is_a_servers_error(sandbox: Sandbox) -> None:
    broken: list[str] = []
    for method, address, body in requests_of(sandbox.document, known=sandbox.things):
        kind = {"content-type": "application/json"} if body is not None else {}
        answer = sandbox.http.request(method, address, content=body, headers=kind)
        if answer.status_code >= 500:
            broken.append(f"{method} {address[:200]} {body!r:.100}: {answer.status_code} {answer.text[:200]}")
    assert not broken, "\n".join(broken)
    assert sandbox.works()

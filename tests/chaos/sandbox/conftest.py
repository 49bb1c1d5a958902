"""A sandbox of a user without rights, with and without bubblewrap, that all attacks share."""

import os
from collections.abc import AsyncIterator, Iterator

import httpx
import psutil
import pytest

from tests.support.sandbox import (
    UNPRIVILEGED_UID,
    SandboxClient,
    SandboxServer,
    needs_bubblewrap,
    running_sandbox,
    why_no_unprivileged_sandbox,
)

SECRET = "a-secret-of-the-sandbox"
SETTINGS = {
    "SANDBOX_ALLOWED_UIDS": str(os.getuid()),
    "SANDBOX_MAX_MEMORY_MB": "200",
    "SANDBOX_MAX_PROCESSES": "60",
    "SANDBOX_MAX_DISK_MB": "100",
    "SANDBOX_MAX_RUNNING": "120",
    "SANDBOX_GRACE_MS": "300",
    "SANDBOX_SECRET": SECRET,
}


@pytest.fixture(scope="session", params=["off", pytest.param("required", marks=needs_bubblewrap)])
def mode(request: pytest.FixtureRequest) -> str:
    """What SANDBOX_BUBBLEWRAP is."""
    problem = why_no_unprivileged_sandbox()
    if problem is not None:
        pytest.skip(problem)
    return request.param


@pytest.fixture(scope="session")
def server(mode: str) -> Iterator[SandboxServer]:
    """The sandbox that is attacked; its limits are small, so that an attack which succeeds cannot hurt the machine."""
    with running_sandbox({**SETTINGS, "SANDBOX_BUBBLEWRAP": mode}, uid=UNPRIVILEGED_UID) as started:
        skip_unless_ready(started)
        yield started


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[SandboxClient]:
    """A client of the sandbox, which must be as healthy after the attack as before."""
    async with server.client() as made:
        made.http.timeout = 90
        assert psutil.Process(server.process.pid).uids().real == UNPRIVILEGED_UID
        yield made
        assert (await made.http.get("/healthz")).json() == {"status": "ok"}


@pytest.fixture
async def workspace(client: SandboxClient) -> str:
    """Name of an empty workspace."""
    return (await client.workspace())["name"]


def skip_unless_ready(server: SandboxServer) -> None:
    """Skip where bubblewrap works for root, but not for a user without rights."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(server.socket)), base_url="http://sandbox") as http:
        answer = http.get("/readyz").json()
    if not answer["ready"]:
        pytest.skip(answer["detail"])

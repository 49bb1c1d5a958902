"""The sandbox over its Unix socket."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from pydantic import TypeAdapter

from contracts.base import Model, Page
from contracts.sandbox import (
    Checkout,
    CheckoutRequest,
    FileEntry,
    LimitChange,
    OutputChunk,
    OutputEnd,
    OutputRecord,
    Process,
    ProcessStart,
    PublishRequest,
    SandboxReadiness,
    Workspace,
    WorkspaceCreate,
    WorkspaceDiff,
    WorkspacePublished,
    WorkspaceSource,
)
from worker_agent.domain import Bundle
from worker_agent.errors import SandboxRefused, SandboxUnavailable

PROCESSES, WORKSPACES, FILES = "/v1/processes", "/v1/workspaces", "/v1/files"
MOST_NAMES = 100
PAGE = 1_000
PART_BYTES = 1024 * 1024
"""Of a file that is read: no more than the smallest SANDBOX_MAX_TRANSFER_MB."""
SLOW_S = 1_800.0
MAX_LINE_BYTES = 1024 * 1024
NO_CONTENT, NOT_FOUND, SERVICE_UNAVAILABLE = 204, 404, 503
JSON = {"content-type": "application/json"}

OUTPUT: TypeAdapter[OutputChunk | OutputEnd] = TypeAdapter(OutputRecord)


class UnixSandbox:
    """A sandbox beside this process. It is trusted with nothing: what it says is bounded in size and in time."""

    def __init__(self, socket: str, timeout_s: float = 30.0, connections: int = 100) -> None:
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                uds=socket, verify=False, limits=httpx.Limits(max_connections=connections)
            ),
            base_url="http://sandbox",
            timeout=timeout_s,
            trust_env=False,
        )

    async def ready(self) -> SandboxReadiness:
        """Whether it can run something."""
        response = await self._send("GET", "/readyz")
        return SandboxReadiness.model_validate_json(response.content)

    async def create_workspace(self, name: str, source: WorkspaceSource) -> Workspace:
        """Make a workspace; harmless when it is there."""
        body = WorkspaceCreate(source=source)
        response = await self._call("PUT", f"{WORKSPACES}/{name}", body, timeout_s=SLOW_S)
        return Workspace.model_validate_json(response.content)

    async def find_workspace(self, name: str) -> Workspace | None:
        """A workspace as it is now."""
        response = await self._call("GET", f"{WORKSPACES}/{name}", timeout_s=SLOW_S, absent="workspace_not_found")
        return None if response.status_code == NOT_FOUND else Workspace.model_validate_json(response.content)

    async def workspace_names(self) -> list[str]:
        """Names of all workspaces, in order."""
        names: list[str] = []
        while True:
            response = await self._call("GET", f"{WORKSPACES}?limit={MOST_NAMES}&cursor={names[-1] if names else ''}")
            page = Page[str].model_validate_json(response.content)
            names += page.items
            if page.next_cursor is None:
                return names

    async def remove_workspace(self, name: str) -> None:
        """Remove a workspace with all that runs in it; harmless when it is gone."""
        await self._call("DELETE", f"{WORKSPACES}/{name}", timeout_s=SLOW_S)

    async def write_home_file(self, workspace: str, path: str, content: bytes) -> None:
        """Write a file below the private HOME of a workspace."""
        await self._write(f"{_file(workspace, path)}?area=home", content)

    async def read_file(self, workspace: str, path: str, most_bytes: int) -> bytes:
        """A file of the work tree; SandboxRefused when it is not there, outside, or larger than that."""
        content = bytearray()
        while True:
            wanted = min(PART_BYTES, most_bytes + 1 - len(content))
            url = f"{_file(workspace, path)}?offset={len(content)}&length={wanted}"
            part = _check(await self._send("GET", url)).content
            content += part
            if len(content) > most_bytes:
                raise SandboxRefused("file_too_large", f"{path} is larger than {most_bytes} bytes")
            if len(part) < wanted:
                return bytes(content)

    async def write_file(self, workspace: str, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write a file of the work tree, with the folders above it."""
        await self._write(f"{_file(workspace, path)}?executable={str(executable).lower()}", content)

    async def list_files(self, workspace: str, path: str = "", glob: str = "*", most: int = 1_000) -> list[FileEntry]:
        """Entries below a folder of the work tree whose path fits a pattern (`**` is any folders), at most so many."""
        found: list[FileEntry] = []
        cursor: str | None = ""
        while cursor is not None and len(found) < most:
            query = urlencode({"path": path, "glob": glob, "cursor": cursor, "limit": min(PAGE, most - len(found))})
            response = await self._call("GET", f"{FILES}/{workspace}?{query}", timeout_s=SLOW_S)
            page = Page[FileEntry].model_validate_json(response.content)
            found += page.items
            cursor = page.next_cursor
        return found

    async def pause(self, process_id: str) -> Process:
        """Stop a process and all that it started; its wall time stands still. Harmless when it is paused."""
        return _process(await self._call("POST", f"{PROCESSES}/{process_id}/pause"))

    async def resume(self, process_id: str) -> Process:
        """Let a paused process go on; harmless when it is not paused."""
        return _process(await self._call("POST", f"{PROCESSES}/{process_id}/resume"))

    async def change_limits(self, process_id: str, change: LimitChange) -> Process:
        """Change limits of a running process."""
        return _process(await self._call("PATCH", f"{PROCESSES}/{process_id}/limits", change))

    async def checkout(self, workspace: str, target: str) -> Checkout:
        """Make a clean checkout of what is in a workspace, as a second one."""
        body = CheckoutRequest(target=target)
        response = await self._call("POST", f"{WORKSPACES}/{workspace}/checkout", body, timeout_s=SLOW_S)
        return Checkout.model_validate_json(response.content)

    async def diff(self, workspace: str) -> WorkspaceDiff:
        """What differs from where the work began."""
        response = await self._call("GET", f"{WORKSPACES}/{workspace}/diff", timeout_s=SLOW_S)
        return WorkspaceDiff.model_validate_json(response.content)

    async def publish(self, workspace: str, asked: PublishRequest) -> WorkspacePublished:
        """Commit the result and, if that is asked for, push it; harmless when that is done."""
        response = await self._call("POST", f"{WORKSPACES}/{workspace}/publish", asked, timeout_s=SLOW_S)
        return WorkspacePublished.model_validate_json(response.content)

    async def bundle(self, workspace: str, most_bytes: int) -> Bundle | None:
        """What the source does not have; None when there is nothing, SandboxRefused when it is larger than that."""
        content = bytearray()
        async with self._streaming(f"{WORKSPACES}/{workspace}/bundle", httpx.Timeout(SLOW_S)) as response:
            if response.status_code == NO_CONTENT:
                return None
            async for part in response.aiter_bytes():
                content += part
                if len(content) > most_bytes:
                    raise SandboxRefused("bundle_too_large", f"what was changed is larger than {most_bytes} bytes")
        return Bundle(bytes(content), response.headers.get("content-type", ""))

    async def start(self, start: ProcessStart) -> Process:
        """Start a process; with a process id that is known, return that process."""
        return _process(await self._call("POST", PROCESSES, start))

    async def find(self, process_id: str) -> Process | None:
        """A process as it is now; None when the sandbox does not know it."""
        response = await self._call("GET", f"{PROCESSES}/{process_id}", absent="process_not_found")
        return None if response.status_code == NOT_FOUND else _process(response)

    async def wait(self, process_id: str, timeout_ms: int) -> Process:
        """The process, when it has ended or the time is over."""
        url = f"{PROCESSES}/{process_id}/wait?timeout_ms={timeout_ms}"
        return _process(await self._call("GET", url, timeout_s=self._timeout_s + timeout_ms / 1000))

    async def stop(self, process_id: str, grace_ms: int) -> Process | None:
        """End a process and all that it started; returns when it is gone."""
        url = f"{PROCESSES}/{process_id}?grace_ms={grace_ms}"
        timeout_s = self._timeout_s + grace_ms / 1000
        response = await self._call("DELETE", url, timeout_s=timeout_s, absent="process_not_found")
        return None if response.status_code == NOT_FOUND else _process(response)

    @asynccontextmanager
    async def output(self, process_id: str, offset: int) -> AsyncGenerator[AsyncIterator[OutputChunk | OutputEnd]]:
        """Its output from an offset on, as it comes; the last item is the end, unless the connection broke."""
        url = f"{PROCESSES}/{process_id}/output?offset={offset}&follow=true"
        async with self._streaming(url, httpx.Timeout(self._timeout_s, read=None)) as response:
            yield _records(response)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _streaming(self, url: str, timeout: httpx.Timeout) -> AsyncGenerator[httpx.Response]:
        try:
            async with self._client.stream("GET", url, timeout=timeout) as response:
                if response.is_error:
                    await response.aread()
                    _check(response)
                yield response
        except httpx.TransportError as error:
            raise _unavailable(error) from error

    async def _write(self, url: str, content: bytes) -> None:
        _check(await self._send("PUT", url, content=content, headers={"content-type": "application/octet-stream"}))

    async def _call(
        self, method: str, url: str, body: Model | None = None, *, timeout_s: float = 0.0, absent: str = ""
    ) -> httpx.Response:
        response = await self._send(
            method,
            url,
            content=body.to_json() if body is not None else None,
            headers=JSON if body is not None else None,
            timeout=timeout_s or self._timeout_s,
        )
        if absent and response.status_code == NOT_FOUND and _problem(response)[0] == absent:
            return response
        return _check(response)

    async def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        try:
            return await self._client.request(method, url, **options)
        except httpx.TransportError as error:
            raise _unavailable(error) from error


def _file(workspace: str, path: str) -> str:
    # A client would resolve `..` by itself, and ask for a file of another workspace.
    return f"{FILES}/{workspace}/{quote(path).replace('..', '%2E%2E')}"


async def _records(response: httpx.Response) -> AsyncIterator[OutputChunk | OutputEnd]:
    rest = b""
    async for data in response.aiter_bytes():
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise SandboxUnavailable("the sandbox sent a line of output that is longer than any may be")
        for line in lines:
            if line:
                yield OUTPUT.validate_json(line)


def _process(response: httpx.Response) -> Process:
    return Process.model_validate_json(response.content)


def _check(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    code, detail = _problem(response)
    if response.status_code >= SERVICE_UNAVAILABLE:
        raise SandboxUnavailable(f"the sandbox is not able to: {detail}")
    raise SandboxRefused(code, detail)


def _problem(response: httpx.Response) -> tuple[str, str]:
    try:
        said = response.json()
        return str(said["code"]), str(said["detail"])
    except (ValueError, KeyError, TypeError):
        return f"http_{response.status_code}", f"it answered with status {response.status_code}"


def _unavailable(error: httpx.TransportError) -> SandboxUnavailable:
    return SandboxUnavailable(f"the sandbox does not answer: {error or type(error).__name__}")

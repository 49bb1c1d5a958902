"""Live tails."""

from collections.abc import AsyncGenerator, Sequence

import httpx

from contracts.telemetry import Tail, TailEntry
from mcp_gateway.ports import LiveEntry
from mcp_gateway.upstreams.wording import told
from servicekit.client import ServiceClient


class HttpTelemetry:
    """Live tails."""

    def __init__(self, client: ServiceClient, streaming: ServiceClient) -> None:
        self._client = client
        self._streaming = streaming

    async def tail(self, task_id: str, last_n: int, types: Sequence[str]) -> Tail:
        """The last entries."""
        params = {"last_n": last_n, "types": list(types) or None}
        with told():
            return await self._client.get(f"/v1/tasks/{task_id}/tail", Tail, params)

    async def live(self, task_id: str, types: Sequence[str], after: str | None) -> AsyncGenerator[LiveEntry]:
        """Entries as they come."""
        headers = {"Last-Event-ID": after} if after else {}
        params = {"types": list(types) or None}
        with told():
            async with self._streaming.stream(f"/v1/tasks/{task_id}/live", params, headers) as response:
                async for entry in _entries(response):
                    yield entry


async def _entries(response: httpx.Response) -> AsyncGenerator[LiveEntry]:
    entry_id: str | None = None
    data: list[str] = []
    async for line in response.aiter_lines():
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            entry_id = value
        elif name == "data":
            data.append(value)
        elif not line and data:
            yield LiveEntry(entry_id, TailEntry.model_validate_json("\n".join(data)))
            data = []

"""Dead letters of one service."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from contracts.base import Page
from contracts.deadletters import (
    DeadLetter,
    DeadLetterContent,
    DropDeadLetters,
    RetryDeadLetters,
    SettledDeadLetters,
)
from mcp_gateway.ports import DeadLetterQuery
from mcp_gateway.upstreams.wording import told
from servicekit.client import ServiceClient
from servicekit.settings import ServiceSettings

PATH = "/v1/dead-letters"
CONNECTIONS = 5
# Processing many messages again may take as long as handling them did.
RETRY_TIMEOUT_S = 60.0


class HttpDeadLetters:
    """Dead letters of one service."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def page(self, query: DeadLetterQuery, cursor: str | None) -> Page[DeadLetter]:
        """One page, newest first."""
        params = {
            "state": query.state,
            "stream": query.stream,
            "subject": query.subject,
            "cause": query.cause,
            "limit": query.limit,
            "cursor": cursor,
        }
        with told():
            return await self._client.get(PATH, Page[DeadLetter], params)

    async def content(self, letter_id: str) -> DeadLetterContent:
        """One letter with what it says."""
        with told(f"there is no dead letter {letter_id}; it may have been removed because of its age"):
            return await self._client.get(f"{PATH}/{letter_id}", DeadLetterContent)

    async def retry(self, wanted: RetryDeadLetters) -> SettledDeadLetters:
        """Have letters processed again."""
        with told():
            return await self._client.post(f"{PATH}/retry", SettledDeadLetters, wanted)

    async def drop(self, wanted: DropDeadLetters) -> SettledDeadLetters:
        """Give letters up."""
        with told():
            return await self._client.post(f"{PATH}/drop", SettledDeadLetters, wanted)


@asynccontextmanager
async def open_dead_letters(settings: ServiceSettings) -> AsyncGenerator[dict[str, HttpDeadLetters]]:
    """A client for each service that has dead letters, closed at the end of the block; none need be reachable yet."""
    urls = {
        "orchestrator": settings.orchestrator_url,
        "telemetry-ingest": settings.telemetry_ingest_url,
        "analytics-query": settings.analytics_query_url,
        "question-broker": settings.question_broker_url,
    }
    timeout_s = max(RETRY_TIMEOUT_S, settings.http_timeout_ms / 1000)
    async with AsyncExitStack() as stack:
        desks: dict[str, HttpDeadLetters] = {}
        for service, url in urls.items():
            client = ServiceClient(service, url, settings.service_token, timeout_s, CONNECTIONS)
            stack.push_async_callback(client.close)
            desks[service] = HttpDeadLetters(client)
        yield desks

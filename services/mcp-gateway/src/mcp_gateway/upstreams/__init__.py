"""The services behind the gateway, over HTTP: one pooled client each."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from mcp_gateway.ports import Upstreams
from mcp_gateway.upstreams.analytics import HttpAnalytics
from mcp_gateway.upstreams.orchestrator import HttpOrchestrator
from mcp_gateway.upstreams.questions import HttpQuestions
from mcp_gateway.upstreams.telemetry import HttpTelemetry
from servicekit.client import MAX_CONNECTIONS, ServiceClient
from servicekit.settings import ServiceSettings

ORCHESTRATOR = "orchestrator"
TELEMETRY = "telemetry-ingest"
ANALYTICS = "analytics-query"
QUESTIONS = "question-broker"


@asynccontextmanager
async def open_upstreams(settings: ServiceSettings, live_tails: int) -> AsyncGenerator[Upstreams]:
    """Clients for all services, closed at the end of the block; `live_tails` may be open at once.

    None need be reachable yet.
    """
    async with AsyncExitStack() as stack:

        def client(service: str, url: str, connections: int = MAX_CONNECTIONS) -> ServiceClient:
            opened = ServiceClient.of(settings, service, url, connections)
            stack.push_async_callback(opened.close)
            return opened

        yield Upstreams(
            orchestrator=HttpOrchestrator(client(ORCHESTRATOR, settings.orchestrator_url)),
            # Live tails stay open for long: in a pool of their own they cannot keep short calls waiting.
            telemetry=HttpTelemetry(
                client(TELEMETRY, settings.telemetry_ingest_url),
                client(TELEMETRY, settings.telemetry_ingest_url, live_tails),
            ),
            analytics=HttpAnalytics(client(ANALYTICS, settings.analytics_query_url)),
            questions=HttpQuestions(client(QUESTIONS, settings.question_broker_url)),
        )

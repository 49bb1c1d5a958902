"""The services of the system, as data: what each is called, which schema is its own, how others find it."""

from dataclasses import dataclass

GATEWAY = "mcp-gateway"
GATEWAY_PORT = 8080
ORCHESTRATOR = "orchestrator"
# Put into the environment of every process of the system, so that strays can be told from strangers.
STACK_VARIABLE = "MEWS_STACK"


@dataclass(frozen=True)
class ServiceSpec:
    """One service: `url_variable` is the variable by which the others get its address; `callers` may call it."""

    name: str
    module: str
    schema: str
    url_variable: str
    callers: tuple[str, ...] = (GATEWAY,)


SERVICES = (
    ServiceSpec(ORCHESTRATOR, "orchestrator", "orchestrator", "ORCHESTRATOR_URL"),
    ServiceSpec(
        "telemetry-ingest", "telemetry_ingest", "telemetry", "TELEMETRY_INGEST_URL", (GATEWAY, "analytics-query")
    ),
    ServiceSpec("analytics-query", "analytics_query", "analytics", "ANALYTICS_QUERY_URL"),
    ServiceSpec("question-broker", "question_broker", "questions", "QUESTION_BROKER_URL"),
    ServiceSpec(GATEWAY, "mcp_gateway", "gateway", "GATEWAY_URL", ()),
)
WORKER_PREFIX = "worker-"
WORKER_MODULE = "worker_agent"
SANDBOX_MODULE = "sandbox"


def worker_name(number: int) -> str:
    """The name and id of the worker with this number, from 1."""
    return f"{WORKER_PREFIX}{number}"


def sandbox_name(number: int) -> str:
    """The name of that worker's sandbox."""
    return f"sandbox-{number}"

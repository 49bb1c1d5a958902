"""The span model: every span that the platform makes, its kind, its attributes and its links. See docs/traces.md.

What is not listed here leaves no process: an exporter drops attributes that are not in ATTRIBUTES.
"""

from collections.abc import Iterator
from typing import NamedTuple

SYSTEM = "nats"

TASK_ID = "mews.task.id"
ATTEMPT = "mews.task.attempt"
WORKER_ID = "mews.worker.id"
WAITED_MS = "mews.queue.wait_ms"
STATUS = "mews.attempt.status"
COST_USD = "mews.usage.cost_usd"
ERROR_TYPE = "error.type"

OF_AN_ATTEMPT = (TASK_ID, ATTEMPT, WORKER_ID)
OF_A_MODEL = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    COST_USD,
)
OF_HTTP = (
    "http.request.method",
    "http.response.status_code",
    "server.address",
    "server.port",
    "url.path",
    ERROR_TYPE,
)
OF_MCP = (
    "mcp.method.name",
    "mcp.protocol.version",
    "jsonrpc.request.id",
    "gen_ai.operation.name",
    "gen_ai.tool.name",
    "gen_ai.prompt.name",
    "rpc.response.status_code",
    ERROR_TYPE,
)
OF_A_MESSAGE = (
    "messaging.system",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.destination.name",
    "messaging.destination.template",
    "messaging.message.id",
    "messaging.batch.message_count",
    ERROR_TYPE,
)


class SpanSpec(NamedTuple):
    """A span: its name, with what varies in braces, its kind, who makes it, and what it links to."""

    name: str
    kind: str
    maker: str
    meaning: str
    attributes: tuple[str, ...]
    links: str = ""


SPANS = (
    SpanSpec(
        "{method} {route}",
        "server",
        "services with HTTP",
        "A request is answered; to no route, its name is the method alone.",
        (*OF_HTTP, "http.route", "url.scheme", "network.protocol.version"),
    ),
    SpanSpec("{method} {service}", "client", "gateway", "One service asks another.", (*OF_HTTP, "service.peer.name")),
    SpanSpec(
        "{mcp method} {tool}", "server", "gateway, worker-agent", "A tool of either MCP server is called.", OF_MCP
    ),
    SpanSpec("{mcp method}", "server", "gateway", "Anything else is asked of its MCP server.", OF_MCP),
    SpanSpec(
        "send worker.task",
        "producer",
        "orchestrator",
        "An attempt is assigned: from the decision until the broker has it.",
        (*OF_A_MESSAGE, *OF_AN_ATTEMPT, WAITED_MS),
        "in a trace of its own: the request for the task, and the attempt before",
    ),
    SpanSpec(
        "send {subject}",
        "producer",
        "worker-agent",
        "A batch of events is published.",
        (*OF_A_MESSAGE, WORKER_ID),
        "other attempts with events in it",
    ),
    SpanSpec(
        "process {stream}",
        "consumer",
        "services on the bus",
        "A gathering of messages is applied in one transaction.",
        (*OF_A_MESSAGE, "messaging.consumer.group.name"),
        "what the messages were sent in",
    ),
    SpanSpec(
        "{service}/{verb}",
        "client or server",
        "worker-agent, services",
        "A worker asks a service over the bus.",
        ("rpc.system.name", "rpc.method", WORKER_ID, ERROR_TYPE),
    ),
    SpanSpec(
        "accept_attempt",
        "internal",
        "worker-agent",
        "An assignment is taken: it is on disk when this ends.",
        (*OF_AN_ATTEMPT, ERROR_TYPE),
    ),
    SpanSpec(
        "run_attempt",
        "internal",
        "worker-agent",
        "The whole attempt, from its acceptance until its outcome is on disk.",
        (*OF_AN_ATTEMPT, STATUS, "gen_ai.agent.name", ERROR_TYPE),
    ),
    *(
        SpanSpec(name, "internal", "worker-agent", meaning, (*OF_AN_ATTEMPT, ERROR_TYPE))
        for name, meaning in (
            ("prepare_attempt", "Workspace, configuration of the agent, start of its process."),
            ("verify_result", "The task's own commands on a clean checkout."),
            ("publish_result", "The result is committed, pushed, or saved."),
        )
    ),
    SpanSpec(
        "invoke_agent {agent}",
        "internal",
        "worker-agent",
        "The agent's process, from start to end.",
        (
            *OF_A_MODEL,
            *OF_AN_ATTEMPT,
            "gen_ai.agent.name",
            "gen_ai.agent.version",
            "gen_ai.conversation.id",
            "gen_ai.response.finish_reasons",
            "process.exit.code",
            ERROR_TYPE,
        ),
    ),
    SpanSpec(
        "chat {model}",
        "client",
        "worker-agent",
        "A turn of a model, as the agent's output shows it.",
        (*OF_A_MODEL, "gen_ai.usage.reasoning.output_tokens"),
    ),
    SpanSpec(
        "execute_tool {tool}",
        "internal",
        "worker-agent",
        "A call of one of the agent's own tools, as its output shows it.",
        ("gen_ai.operation.name", "gen_ai.tool.name", "gen_ai.tool.call.id", "process.exit.code", ERROR_TYPE),
    ),
    SpanSpec(
        "continue_attempt",
        "internal",
        "worker-agent",
        "A mark without duration: a long attempt goes on in another trace.",
        OF_AN_ATTEMPT,
        "`run_attempt`, and the trace before",
    ),
)
ATTRIBUTES = frozenset(name for spec in SPANS for name in spec.attributes)


def table() -> Iterator[str]:
    """The lines of the table of spans in docs/traces.md."""
    yield "| span | kind | made by | what it is | links to |"
    yield "|---|---|---|---|---|"
    for spec in SPANS:
        yield f"| `{spec.name}` | {spec.kind} | {spec.maker} | {spec.meaning} | {spec.links} |"
    yield ""
    yield "| span | attributes |"
    yield "|---|---|"
    for spec in SPANS:
        yield f"| `{spec.name}` | {' '.join(f'`{name}`' for name in dict.fromkeys(spec.attributes))} |"

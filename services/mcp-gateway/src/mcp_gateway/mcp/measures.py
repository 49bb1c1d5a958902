"""Metrics of the tools."""

from prometheus_client import Counter, Gauge, Histogram

from servicekit.metrics import REGISTRY, SECONDS

TOOL_CALLS = Counter("mews_tool_calls", "Tool calls, by how they ended.", ["tool", "outcome"], registry=REGISTRY)
TOOL_SECONDS = Histogram("mews_tool_seconds", "Time of a tool call.", ["tool"], buckets=SECONDS, registry=REGISTRY)
REFUSED = Counter(
    "mews_authentication_failures", "Requests that were not let in, by the reason.", ["reason"], registry=REGISTRY
)
LIMITED = Counter("mews_rate_limited", "Requests of known callers that came too soon.", ["effect"], registry=REGISTRY)
LISTENING = Gauge("mews_listen_streams", "Open streams of subscriptions/listen.", registry=REGISTRY)


def observe(tool: str, outcome: str, seconds: float) -> None:
    """Count one call; `outcome` is `ok` or an error's code."""
    TOOL_CALLS.labels(tool, outcome).inc()
    TOOL_SECONDS.labels(tool).observe(seconds)


def count_refused(reason: str) -> None:
    """Count a request that was not let in."""
    REFUSED.labels(reason).inc()


def count_limited(effect: str) -> None:
    """Count a request that came too soon."""
    LIMITED.labels(effect).inc()

"""Where the spans of an attempt stand in its trace, and what they say of an agent."""

import re
from collections.abc import Iterator
from hashlib import blake2s

from worker_agent.domain import AttemptKey, AttemptRecord

TRACE, FLAGS = slice(0, 36), slice(52, 55)
EVENT = re.compile(rb'"task_id":"([^"\\\\]{1,255})","attempt":([0-9]{1,9})')
"""How an event in a sealed batch begins to say whose it is. In a text of its body the quotes would be escaped."""
MOST_NAMED = 8
PROVIDERS = {"claude": "anthropic", "codex": "openai", "gemini": "gcp.gemini", "google": "gcp.gemini"}
NO_MODEL = frozenset({"auditor", "command"})


def place_of(traceparent: str, key: AttemptKey, role: str) -> str:
    """The same place for the same role after each start of the worker-agent, in the trace of `traceparent`."""
    span_id = blake2s(f"{key.workspace}.{role}".encode(), digest_size=8).hexdigest()
    return f"{traceparent[TRACE]}{span_id}{traceparent[FLAGS]}"


def named_in(message: bytes) -> Iterator[AttemptKey]:
    """The first attempts that a sealed batch has events of."""
    found: dict[AttemptKey, None] = {}
    for match in EVENT.finditer(message):
        key = AttemptKey(match[1].decode(errors="replace"), int(match[2]))
        if key not in found:
            found[key] = None
            yield key
        if len(found) == MOST_NAMED:
            return


def provider(agent: str) -> str:
    """Who serves the model of an agent, as OpenTelemetry names it; the platform, for agents that ask none."""
    return "mews" if agent in NO_MODEL else PROVIDERS.get(agent, agent)


def how_it_ended(record: AttemptRecord) -> str:
    """In a word, why an agent's run was over: `stop` if it ended by itself and did its work."""
    if record.cancelled is not None:
        return "cancelled"
    if record.timed_out:
        return "timed_out"
    return "stop" if record.failure is None and record.agent_end.failure is None else "failed"

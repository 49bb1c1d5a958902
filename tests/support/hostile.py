"""Inputs that nobody honest sends, and what an answer to them may not say."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
from hypothesis import strategies as st

from tests.support.fitting import fitting

INTERNAL_ERROR = -32603
LEAKS = re.compile(
    r"Traceback \(most recent|\bFile \"/|\.py\b.{0,3}line \d|site-packages|asyncpg|sqlalchemy|pydantic_core|"
    r"internal_error|an unexpected error|relation \"|syntax error at or near|invalid byte sequence|"
    r"<[a-z_.]+ object at 0x",
    re.IGNORECASE,
)
TEXTS = (
    "\x00",
    "a\x00b",
    "\ud800",
    "a\udfffb",
    "\u202e\u0007\u001b[31m",
    "' OR 1=1; --",
    "../../../../etc/passwd",
    "worker-1.>",
    "*",
    "{question}{worker_id}{0.__class__}",
    "%s%n%x",
    "(a+)+$" * 20,
    "\U0001f600" * 40,
    "é" * 500,
    "x" * 70_000,
    "0" * 400,
    "NaN",
    "2026-13-45T99:99:99Z",
    "task-" + "1" * 60,
)
NUMBERS = (
    0,
    -1,
    2**31,
    2**53 + 1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
    1e308,
    -1e308,
    5e-324,
    float("inf"),
    float("nan"),
)
# By number, since a strategy is shown with all that it may draw.
texts = st.integers(0, len(TEXTS) - 1).map(lambda number: TEXTS[number])
atoms: st.SearchStrategy[Any] = st.one_of(
    texts,
    st.integers(0, len(NUMBERS) - 1).map(lambda number: NUMBERS[number]),
    st.none(),
    st.booleans(),
    st.text(st.characters(), max_size=20),
    st.integers(),
    st.floats(),
)


def nested(depth: int) -> Any:
    """A list in a list in a list …"""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


SHAPES: tuple[Any, ...] = (nested(50), nested(190), nested(1_000), ["x"] * 2_000, {"a": nested(100)}, {"__proto__": {}})
values: st.SearchStrategy[Any] = st.one_of(
    atoms,
    st.lists(atoms, max_size=4),
    st.dictionaries(st.one_of(st.text(max_size=8), st.sampled_from(TEXTS[:6])), atoms, max_size=3),
    st.integers(0, len(SHAPES) - 1).map(lambda number: SHAPES[number]),
)


Message = tuple[str, bytes]
"""A message of the bus: its subject, and what it says."""


def encoded(value: Any) -> bytes:
    """As JSON; what JSON cannot say goes out as Python writes it."""
    return json.dumps(value, default=str).encode()


def arguments_of(schema: Mapping[str, Any], honest: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Arguments for a tool with this input schema: as it says, with one or two fields spoilt, or anything at all."""
    names = sorted(schema.get("properties", {})) or ["a"]
    fields = st.dictionaries(st.sampled_from([*names, "unknown"]), values, min_size=1, max_size=2)
    spoilt = fields.map(lambda some: {**honest, **some})
    missing = st.sampled_from(names).map(lambda name: {k: v for k, v in honest.items() if k != name})
    return st.one_of(fitting(schema), spoilt, spoilt, missing, fields, values)


def rpc(method: str, params: Any) -> bytes:
    """A JSON-RPC request."""
    return encoded({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


NASTIEST = ("a\x00b", "a\ud800", "x" * 70_000, "' OR 1=1; --", 10**400, -1, float("nan"), nested(190), None)


def spoilt_one_by_one(schema: Mapping[str, Any], honest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Honest arguments, of which each field in turn is each of the nastiest values."""
    for name in sorted(schema.get("properties", {})):
        for value in NASTIEST:
            yield {**honest, name: value}


HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2025-11-25",
}


def complaint_about(answer: httpx.Response) -> str | None:
    """What is wrong with an answer to a JSON-RPC request; None if nothing is."""
    if answer.status_code >= 500:
        return f"status {answer.status_code}: {answer.text[:500]}"
    found = LEAKS.search(answer.text)
    if found:
        return f"tells of its inside, {found.group()!r}: {answer.text[:500]}"
    for message in _messages(answer):
        if message.get("error", {}).get("code") == INTERNAL_ERROR:
            return f"an internal error: {message}"
    return None


def _messages(answer: httpx.Response) -> Sequence[dict[str, Any]]:
    lines = [line[5:] for line in answer.text.splitlines() if line.startswith("data:")]
    if answer.headers.get("content-type", "").startswith("application/json"):
        lines = [answer.text]
    found = [json.loads(line) for line in lines if line.strip()]
    return [message for message in found if isinstance(message, dict)]

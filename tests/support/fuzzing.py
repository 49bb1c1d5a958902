"""Inputs made to break a service with an OpenAPI document, and what is asked of its answers."""

from collections.abc import Callable, Iterator
from typing import Any

import schemathesis
import schemathesis.checks
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.besieged import bounded

CHECKS: list[Any] = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
BOTH = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)

# As they stand in an address: NUL, half of a pair, no UTF-8, too long, too large, a way up, another kind.
NASTY = (
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%FF",
    "x" * 4_000,
    "9" * 400,
    "-1",
    "1e999",
    "%2e%2e%2f%2e%2e",
    "%27%20OR%201=1--",
)
BODIES = (
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b"\xff\xfe",
    b"NaN",
    b"[" * 100_000,
    b'{"a":' * 300 + b"1" + b"}" * 300,
    b'{"name":"a\\u0000b","description":"a\\u0000b","reason":"\\u0000","answer":"\\u0000"}',
    b'{"name":"\\ud800","description":"\\ud800","reason":"\\ud800","answer":"\\ud800"}',
    b'{"priority":1e999,"limit":' + b"9" * 5_000 + b"}",
)
PLAIN = "a"

Case = schemathesis.Case[Any]
Operation = schemathesis.APIOperation[Any, Any, Any, Any]
Send = Callable[[Case], Any]
Known = Callable[[str], dict[str, Any]]
"""Makes things for an operation with this path to be about; their names, by the names of parameters and fields."""


def _nothing(_path: str) -> dict[str, Any]:
    return {}


def operations(document: dict[str, Any], but: str = "") -> Iterator[Operation]:
    """All operations of a document, but those of one path."""
    results: Any = schemathesis.openapi.from_dict(document).get_all_operations()
    for result in results:
        operation: Operation = result.ok()
        if operation.path != but:
            yield operation


def try_out(operation: Operation, mode: schemathesis.GenerationMode, send: Send, known: Known = _nothing) -> list[str]:
    """What went wrong, if anything did. Half of the cases are about things that are there."""

    # Bodies are slow to make, and are spoilt one field after the other elsewhere.
    @bounded(0.2 if operation.body else 0.5)
    @given(case=operation.as_strategy(generation_mode=mode), is_there=st.booleans())
    def one(case: Case, is_there: bool) -> None:
        if is_there:
            _point(case, known(operation.path))
        case.validate_response(send(case), checks=CHECKS)

    try:
        one()
    except Unsatisfiable:
        assert not operation.body, operation.label
        assert mode is schemathesis.GenerationMode.NEGATIVE, operation.label
    except (FailureGroup, BaseExceptionGroup) as group:
        return [f"{operation.label} {mode}: {failure!r}" for failure in group.exceptions]
    return []


def _point(case: Case, known: dict[str, Any]) -> None:
    for name in known.keys() & (case.path_parameters or {}).keys():
        case.path_parameters[name] = known[name]
    if isinstance(case.body, dict):
        case.body.update({name: known[name] for name in known.keys() & case.body.keys()})


def requests_of(
    document: dict[str, Any], but: str = "", known: Known = _nothing
) -> Iterator[tuple[str, str, bytes | None]]:
    """Each parameter in turn with each nasty value, and each body: method, address, body."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            names = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
            there = known(path)
            plain = {name: there.get(name, PLAIN) for name in names}
            if path != but:
                for address in _addresses_of(path, plain, operation):
                    yield method, address, None
            if "requestBody" in operation:
                for body in BODIES:
                    yield method, path.format_map(plain), body


def _addresses_of(path: str, plain: dict[str, str], operation: dict[str, Any]) -> Iterator[str]:
    for name in plain:
        for value in NASTY:
            yield path.format_map(plain | {name: value})
    for one in operation.get("parameters", ()):
        if one["in"] == "query":
            for value in NASTY:
                yield f"{path.format_map(plain)}?{one['name']}={value}"

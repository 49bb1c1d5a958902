"""Every operation of every service's OpenAPI document, with inputs that fit it and inputs that do not.

No answer is a server's error, each is one that the document knows, and its body is as the document says.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import given
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.besieged import Besieged, bounded

SERVICES = ("orchestrator", "telemetry-ingest", "analytics-query", "question-broker", "mcp-gateway")
# An answer without an end; what it refuses is tried below.
ENDLESS = "/v1/tasks/{task_id}/live"
CHECKS: list[Any] = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
BOTH = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


def operations(url: str) -> Iterator[schemathesis.APIOperation]:
    document = httpx.get(f"{url}/openapi.json", timeout=30).json()
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation: Any = found.ok()
        if operation.path != ENDLESS:
            yield operation


@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_answers_any_input_as_its_document_says(system: Besieged, service: str) -> None:
    url = system.services[service]
    broken: list[str] = []
    for operation in operations(url):
        for mode in BOTH:
            broken += try_out(operation, mode, url)
    system.run(system.all_ready())
    assert not broken, "\n\n".join(broken)


def try_out(operation: schemathesis.APIOperation, mode: schemathesis.GenerationMode, url: str) -> list[str]:
    """What went wrong, if anything did."""

    # Bodies are slow to make, and are spoilt one field after the other elsewhere.
    @bounded(0.2 if operation.body else 0.5)
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: schemathesis.Case) -> None:
        case.validate_response(case.call(base_url=url), checks=CHECKS)

    try:
        one()
    except Unsatisfiable:
        assert not operation.body, operation.label
        assert mode is schemathesis.GenerationMode.NEGATIVE, operation.label
    except (FailureGroup, BaseExceptionGroup) as group:
        return [f"{operation.label} {mode}: {failure}" for failure in group.exceptions]
    return []


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


@pytest.mark.parametrize("service", SERVICES)
def test_no_parameter_and_no_body_is_a_servers_error(system: Besieged, service: str) -> None:
    url = system.services[service]
    document = httpx.get(f"{url}/openapi.json", timeout=30).json()
    broken: list[str] = []
    with httpx.Client(base_url=url, timeout=30) as http:
        for method, address, body in requests_of(document):
            kind = {"content-type": "application/json"} if body is not None else {}
            answer = http.request(method, address, content=body, headers=kind)
            if answer.status_code >= 500:
                broken.append(f"{method} {address[:200]} {body!r:.100}: {answer.status_code} {answer.text[:200]}")
    system.run(system.all_ready())
    assert not broken, "\n".join(broken)


def requests_of(document: dict[str, Any]) -> Iterator[tuple[str, str, bytes | None]]:
    """Each parameter in turn with each nasty value, and each body."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            names = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
            if path != ENDLESS:
                for address in addresses_of(path, names, operation):
                    yield method, address, None
            if "requestBody" in operation:
                for body in BODIES:
                    yield method, path.format_map(dict.fromkeys(names, PLAIN)), body


def addresses_of(path: str, names: list[str], operation: dict[str, Any]) -> Iterator[str]:
    plain = dict.fromkeys(names, PLAIN)
    for name in names:
        for value in NASTY:
            yield path.format_map(plain | {name: value})
    for one in operation.get("parameters", ()):
        if one["in"] == "query":
            for value in NASTY:
                yield f"{path.format_map(plain)}?{one['name']}={value}"

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

    @bounded(0.5)
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

"""Every operation of every service's OpenAPI document, with inputs that fit it and inputs that do not.

No answer is a server's error, each is one that the document knows, and its body is as the document says.
"""

import httpx
import pytest

from tests.support.besieged import Besieged
from tests.support.fuzzing import BOTH, operations, requests_of, try_out

SERVICES = ("orchestrator", "telemetry-ingest", "analytics-query", "question-broker", "mcp-gateway")
# An answer without an end; what it refuses is tried all the same.
ENDLESS = "/v1/tasks/{task_id}/live"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_answers_any_input_as_its_document_says(system: Besieged, service: str) -> None:
    url = system.services[service]
    document = httpx.get(f"{url}/openapi.json", timeout=30).json()
    broken: list[str] = []
    for operation in operations(document, but=ENDLESS):
        for mode in BOTH:
            broken += try_out(operation, mode, lambda case: case.call(base_url=url))
    system.run(system.all_ready())
    assert not broken, "\n\n".join(broken)


@pytest.mark.parametrize("service", SERVICES)
def test_no_parameter_and_no_body_is_a_servers_error(system: Besieged, service: str) -> None:
    url = system.services[service]
    document = httpx.get(f"{url}/openapi.json", timeout=30).json()
    broken: list[str] = []
    with httpx.Client(base_url=url, timeout=30) as http:
        for method, address, body in requests_of(document, but=ENDLESS):
            kind = {"content-type": "application/json"} if body is not None else {}
            answer = http.request(method, address, content=body, headers=kind)
            if answer.status_code >= 500:
                broken.append(f"{method} {address[:200]} {body!r:.100}: {answer.status_code} {answer.text[:200]}")
    system.run(system.all_ready())
    assert not broken, "\n".join(broken)

"""Which service may call which route of which: written down here, and tried at every route of every service."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

import analytics_query.app
import analytics_query.settings
import orchestrator.app
import orchestrator.settings
import question_broker.app
import question_broker.settings
import telemetry_ingest.app
import telemetry_ingest.settings
from devstack.services import SERVICES

CREATE: dict[str, tuple[Callable[[Any], FastAPI], type[Any]]] = {
    "orchestrator": (orchestrator.app.create_app, orchestrator.settings.Settings),
    "telemetry-ingest": (telemetry_ingest.app.create_app, telemetry_ingest.settings.Settings),
    "analytics-query": (analytics_query.app.create_app, analytics_query.settings.Settings),
    "question-broker": (question_broker.app.create_app, question_broker.settings.Settings),
}
CALLERS = ("mcp-gateway", "analytics-query", "orchestrator", "question-broker", "worker-agent")
# Of all other routes, the gateway alone.
OTHERS_THAN_THE_GATEWAY = {
    ("telemetry-ingest", "/v1/log/events"): {"analytics-query"},
    ("telemetry-ingest", "/v1/log/decided"): {"analytics-query"},
    ("telemetry-ingest", "/v1/log/marks"): {"analytics-query"},
}
NOBODY = (None, "Bearer ", "Bearer made-up", "Basic mcp-gateway", "mcp-gateway", "Bearer " + "x" * 5_000, "Bearer \xff")


def digest(name: str) -> str:
    return hashlib.sha256(f"token of {name}".encode()).hexdigest()


@lru_cache
def app_of(service: str) -> FastAPI:
    create, settings = CREATE[service]
    known = ",".join(f"{name}:{digest(name)}" for name in CALLERS)
    return create(settings.model_validate({"service_callers": known, "http_host": "0.0.0.0"}))


@lru_cache
def operations(app: FastAPI) -> list[tuple[str, str]]:
    return [(method, path) for path, methods in app.openapi()["paths"].items() for method in methods]


async def status(http: httpx.AsyncClient, method: str, path: str, authorization: str | None) -> int:
    headers = {} if authorization is None else {"authorization": authorization.encode("latin-1")}
    # Nothing runs behind the doors here: whoever gets through them meets an error.
    return (await http.request(method, path.replace("{", "").replace("}", ""), headers=headers)).status_code


@pytest.mark.parametrize("service", CREATE)
async def test_every_route_admits_those_who_are_to_call_it_and_nobody_else(service: str) -> None:
    app = app_of(service)
    wrong: list[str] = []
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
        for method, path in operations(app):
            admitted = OTHERS_THAN_THE_GATEWAY.get((service, path), {"mcp-gateway"})
            for authorization in NOBODY:
                if await status(http, method, path, authorization) != 401:
                    wrong.append(f"{method} {path} lets in {authorization!r:.30}")
            for name in CALLERS:
                got = await status(http, method, path, f"Bearer token of {name}")
                if (got == 403) is (name in admitted) or got == 401:
                    wrong.append(f"{method} {path} answers {name} with {got}")
    assert len(operations(app)) >= 5
    assert not wrong, "\n".join(wrong)


def test_a_service_knows_those_callers_that_some_route_of_it_admits() -> None:
    for service in SERVICES:
        if service.name in CREATE:
            named = {
                name
                for (_, path) in operations(app_of(service.name))
                for name in OTHERS_THAN_THE_GATEWAY.get((service.name, path), {"mcp-gateway"})
            }
            assert set(service.callers) == named

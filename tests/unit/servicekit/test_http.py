import hashlib
import json
import re
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Any

import asyncpg
import httpx
import pytest
import redis.exceptions
from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException

from contracts.base import Model, Text
from servicekit.auth import UnsafeSettings
from servicekit.health import NotReady, Readiness
from servicekit.http import admitting, create_http_app, strict
from servicekit.metrics import CALLERS_REFUSED
from servicekit.settings import ServiceSettings
from servicekit.traces import inject_headers
from tests.support.fakes import FakeClock

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Colour(StrEnum):
    red = "red"
    green = "green"


class Wheel(Model):
    spokes: int


class Cart(Model):
    name: Text
    colour: Colour = Colour.red
    wheels: list[Wheel] = []


class Jammed(Exception):
    """An error of a service that does not know this library."""

    code = "cart_jammed"
    category = "conflict"
    detail = "the cart is jammed"


router = APIRouter(prefix="/v1")


@router.post("/carts", status_code=201)
async def create(body: Annotated[Cart, strict(Cart)]) -> Cart:
    return body


@router.get("/carts/{cart_id}")
async def get(
    cart_id: str,
    limit: Annotated[int, Query(ge=1)] = 5,
    colour: Annotated[list[Colour] | None, Query(alias="paint")] = None,
) -> dict[str, Any]:
    return {"cart_id": cart_id, "limit": limit, "paint": colour}


@router.post("/fail/{how}")
async def fail(how: str) -> None:
    raise {
        "jammed": Jammed(),
        "away": ConnectionRefusedError("no"),
        "lost": asyncpg.ConnectionDoesNotExistError("lost"),
        "slow": asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
        "redis": redis.exceptions.ConnectionError("gone"),
        "teapot": HTTPException(418),
        "secret": RuntimeError("password=hunter2"),
    }[how]


@router.get("/trace")
async def trace() -> dict[str, str]:
    return dict(inject_headers({}))


@pytest.fixture
def settings() -> ServiceSettings:
    return ServiceSettings.model_validate({"max_body_bytes": 1000})


@pytest.fixture
async def http(settings: ServiceSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with client(settings) as one:
        yield one


def client(
    settings: ServiceSettings, readiness: Readiness | None = None, admitted: tuple[str, ...] = ()
) -> httpx.AsyncClient:
    routers = [admitting(router, *admitted) if admitted else router]
    app = create_http_app(
        service="carts", settings=settings, routers=routers, readiness=readiness or Readiness(FakeClock())
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://carts")


def known(name: str, token: str) -> str:
    return f"{name}:{hashlib.sha256(token.encode()).hexdigest()}"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    return body


async def test_a_right_body_is_parsed(http: httpx.AsyncClient) -> None:
    response = await http.post("/v1/carts", json={"name": "a", "colour": "green", "wheels": [{"spokes": 8}]})
    assert response.status_code == 201
    assert response.json()["wheels"] == [{"spokes": 8}]


async def test_an_unknown_field_is_refused_and_the_known_ones_listed(http: httpx.AsyncClient) -> None:
    body = problem(await http.post("/v1/carts", json={"name": "a", "color": "red"}), 422, "invalid_input")
    assert body["errors"] == [
        {"field": "color", "message": "unknown field", "value": "red", "allowed": ["colour", "name", "wheels"]}
    ]
    assert body["detail"] == "color: unknown field"


async def test_an_unknown_field_deep_inside_is_refused(http: httpx.AsyncClient) -> None:
    body = problem(
        await http.post("/v1/carts", json={"name": "a", "wheels": [{"spokes": 1, "rim": 2}]}), 422, "invalid_input"
    )
    assert body["errors"][0]["field"] == "wheels.0.rim"


async def test_a_wrong_enum_value_lists_the_right_ones(http: httpx.AsyncClient) -> None:
    body = problem(await http.post("/v1/carts", json={"name": "", "colour": "blue"}), 422, "invalid_input")
    assert [error["field"] for error in body["errors"]] == ["name", "colour"]
    assert body["errors"][1]["value"] == "blue"
    assert body["errors"][1]["allowed"] == ["red", "green"]
    assert body["detail"].endswith("(and 1 more)")


async def test_a_long_value_is_shortened(http: httpx.AsyncClient) -> None:
    body = problem(await http.post("/v1/carts", json={"name": "a", "colour": "x" * 500}), 422, "invalid_input")
    assert body["errors"][0]["value"] == "x" * 120 + "… (500 characters)"


async def test_what_is_no_json_is_malformed(http: httpx.AsyncClient) -> None:
    json = {"content-type": "application/json"}
    body = problem(await http.post("/v1/carts", content=b"{", headers=json), 400, "malformed_json")
    assert "line 1" in body["detail"]
    problem(await http.post("/v1/carts", content=b"", headers=json), 400, "malformed_json")
    problem(await http.post("/v1/carts", content=b'{"name": "\xff"}', headers=json), 400, "malformed_json")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_that_a_foreign_web_page_could_send_is_refused(http: httpx.AsyncClient, kind: str) -> None:
    response = await http.post("/v1/carts", content=b'{"name": "a"}', headers={"content-type": kind})
    problem(response, 415, "unsupported_media_type")


async def test_unknown_query_parameters_are_refused(http: httpx.AsyncClient) -> None:
    body = problem(await http.get("/v1/carts/1?limt=3"), 422, "invalid_input")
    assert body["errors"] == [
        {"field": "limt", "message": "unknown query parameter", "value": "3", "allowed": ["limit", "paint"]}
    ]
    assert (await http.get("/v1/carts/1?limit=3&paint=red&paint=green")).json() == {
        "cart_id": "1",
        "limit": 3,
        "paint": ["red", "green"],
    }


async def test_a_wrong_query_parameter_is_named(http: httpx.AsyncClient) -> None:
    body = problem(await http.get("/v1/carts/1?limit=0&paint=blue"), 422, "invalid_input")
    assert [(error["field"], error["allowed"]) for error in body["errors"]] == [
        ("limit", []),
        ("paint.0", ["red", "green"]),
    ]


async def test_a_body_over_the_limit_is_refused_and_the_limit_named(http: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 500

    json = {"content-type": "application/json"}
    announced = await http.post("/v1/carts", content=b" " * 1001, headers=json)
    streamed = await http.post("/v1/carts", content=chunks(), headers=json)
    for response in (announced, streamed):
        assert "1000 bytes" in problem(response, 413, "body_too_large")["detail"]


async def test_an_address_or_headers_over_the_limit_are_refused() -> None:
    async with client(ServiceSettings.model_validate({"max_url_bytes": 300, "max_header_bytes": 1_024})) as http:
        assert (await http.get("/v1/carts/1", params={"limit": 5})).status_code == 200
        problem(await http.get(f"/v1/carts/{'x' * 300}"), 414, "address_too_long")
        problem(await http.get("/v1/carts/1", params={"limit": "5" * 300}), 414, "address_too_long")
        much = await http.get("/v1/carts/1", headers={"x-much": "x" * 1_024})
        assert "1024 bytes" in problem(much, 431, "headers_too_large")["detail"]


async def test_an_error_that_says_its_code_is_told_so(http: httpx.AsyncClient) -> None:
    body = problem(await http.post("/v1/fail/jammed"), 409, "cart_jammed")
    assert (body["title"], body["detail"]) == ("Conflict", "the cart is jammed")


@pytest.mark.parametrize("how", ["away", "lost", "slow", "redis"])
async def test_an_absent_backend_is_told_as_unavailable(http: httpx.AsyncClient, how: str) -> None:
    response = await http.post(f"/v1/fail/{how}")
    problem(response, 503, "backend_unavailable")
    assert response.headers["retry-after"] == "1"


async def test_an_unexpected_error_tells_nothing_of_its_inside(http: httpx.AsyncClient) -> None:
    response = await http.post("/v1/fail/secret")
    problem(response, 500, "internal_error")
    assert "hunter2" not in response.text


async def test_errors_of_the_framework_are_problems_too(http: httpx.AsyncClient) -> None:
    problem(await http.get("/nowhere"), 404, "route_not_found")
    wrong = await http.delete("/v1/carts")
    problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"
    problem(await http.post("/v1/fail/teapot"), 418, "i'm_a_teapot")


async def test_a_known_callers_token_is_asked_for_where_there_are_callers() -> None:
    settings = ServiceSettings.model_validate({"service_callers": known("mcp-gateway", "s3cret")})
    async with client(settings) as http:
        for wrong in ({}, {"authorization": "Bearer nope"}, {"authorization": "Basic s3cret"}):
            response = await http.get("/v1/carts/1", headers=wrong)
            problem(response, 401, "unauthorized")
            assert response.headers["www-authenticate"] == "Bearer"
        assert (await http.get("/v1/carts/1", headers={"authorization": "bearer s3cret"})).status_code == 200
        for probe in ("/healthz", "/readyz", "/metrics"):
            assert (await http.get(probe)).status_code == 200


async def test_a_known_caller_gets_no_further_than_where_it_is_admitted() -> None:
    callers = ",".join([known("mcp-gateway", "mine"), known("horse", "yours")])
    settings = ServiceSettings.model_validate({"service_callers": callers})
    refused = CALLERS_REFUSED.labels("horse", "not_admitted")
    before = refused._value.get()
    async with client(settings) as http:
        body = problem(await http.get("/v1/carts/1", headers=bearer("yours")), 403, "caller_not_admitted")
        assert body["detail"] == "horse may not call GET /v1/carts/1: mcp-gateway may"
    async with client(settings, admitted=("horse",)) as http:
        assert (await http.get("/v1/carts/1", headers=bearer("yours"))).status_code == 200
        problem(await http.get("/v1/carts/1", headers=bearer("mine")), 403, "caller_not_admitted")
    assert refused._value.get() == before + 1


async def test_two_tokens_of_a_caller_are_good_while_one_replaces_the_other() -> None:
    callers = ",".join([known("mcp-gateway", "old"), known("mcp-gateway", "new")])
    async with client(ServiceSettings.model_validate({"service_callers": callers})) as http:
        for token in ("old", "new"):
            assert (await http.get("/v1/carts/1", headers=bearer(token))).status_code == 200


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"http_host": "0.0.0.0"}, "HTTP_HOST=0.0.0.0"),
        ({"http_host": "::"}, "HTTP_HOST=::"),
        ({"http_host": "carts.example.com"}, "HTTP_HOST=carts.example.com"),
        ({"service_token": "s3cret"}, "SERVICE_TOKEN is set"),
    ],
)
def test_a_service_that_would_ask_nobody_does_not_start(settings: dict[str, str], says: str) -> None:
    with pytest.raises(UnsafeSettings, match="SERVICE_CALLERS") as error:
        client(ServiceSettings.model_validate(settings))
    assert says in str(error.value)
    assert "s3cret" not in str(error.value)
    client(ServiceSettings.model_validate(settings | {"service_open": True}))
    client(ServiceSettings.model_validate(settings | {"service_callers": known("mcp-gateway", "a")}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_loopback_nobody_need_be_asked(host: str) -> None:
    client(ServiceSettings.model_validate({"http_host": host}))


async def test_readiness_says_what_is_missing(settings: ServiceSettings) -> None:
    readiness = Readiness(FakeClock())
    async with client(settings, readiness) as http:
        assert (await http.get("/readyz")).json() == {"status": "ready", "service": "carts", "checks": {}}

        async def absent() -> None:
            raise NotReady("no wheels")

        readiness.add("wheels", absent)
        response = await http.get("/readyz")
        assert response.status_code == 503
        assert response.json()["checks"] == {"wheels": "no wheels"}
        assert (await http.get("/healthz")).json() == {"status": "ok", "service": "carts"}


async def test_readiness_shows_what_is_away_and_not_needed(settings: ServiceSettings) -> None:
    async def absent() -> None:
        raise NotReady("no bell")

    readiness = Readiness(FakeClock())
    readiness.add("bell", absent, advisory=True)
    async with client(settings, readiness) as http:
        response = await http.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "service": "carts", "checks": {"bell": "no bell"}}


async def test_requests_are_measured_by_route_template(http: httpx.AsyncClient) -> None:
    await http.get("/v1/carts/some-id")
    await http.get("/nowhere")
    text = (await http.get("/metrics")).text
    assert 'mews_http_requests_total{method="GET",route="/v1/carts/{cart_id}",status="200"}' in text
    assert 'mews_http_request_seconds_count{method="GET",route="/v1/carts/{cart_id}"}' in text
    assert 'route="unmatched",status="404"' in text
    assert "some-id" not in text
    assert "process_resident_memory_bytes" in text


async def test_the_callers_trace_is_handed_on(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/trace", headers={"traceparent": TRACEPARENT})).json() == {"traceparent": TRACEPARENT}
    assert (await http.get("/v1/trace")).json() == {}


async def test_the_openapi_document_tells_bodies_and_problems(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    create = document["paths"]["/v1/carts"]["post"]
    body = create["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["colour"]["$ref"] == "#/components/schemas/Colour"
    assert document["components"]["schemas"]["Colour"]["enum"] == ["red", "green"]
    assert create["responses"]["default"]["content"]["application/problem+json"]["schema"] == {
        "$ref": "#/components/schemas/Problem"
    }
    names = set(document["components"]["schemas"])
    references = set(re.findall(r"#/components/schemas/([\w-]+)", json.dumps(document)))
    assert references <= names

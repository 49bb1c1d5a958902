import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query, Request
from pydantic import SecretStr
from starlette.responses import Response, StreamingResponse

from contracts.base import Model, Page, Text, UtcTime
from servicekit.client import RemoteError, ServiceClient, ServiceUnavailable
from servicekit.errors import ServiceError
from servicekit.health import Readiness
from servicekit.http import create_http_app, strict
from servicekit.settings import ServiceSettings
from servicekit.traces import continued
from tests.support.fakes import FakeClock
from tests.support.serving import serving

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Cart(Model):
    name: Text
    note: str | None = None


class Echo(Model):
    query: dict[str, list[str]]
    traceparent: str | None = None


router = APIRouter()


@router.post("/carts", status_code=201)
async def create(body: Annotated[Cart, strict(Cart)]) -> Cart:
    return body


@router.get("/carts")
async def carts(cursor: str | None = None) -> Page[Cart]:
    return Page(items=[Cart(name="a")], next_cursor=cursor)


@router.get("/echo")
async def echo(request: Request, tag: Annotated[list[str], Query()], at: UtcTime) -> dict[str, Any]:
    query = {key: request.query_params.getlist(key) for key in request.query_params}
    return {"query": query, "traceparent": request.headers.get("traceparent"), "unknown": "of a newer version"}


@router.get("/missing")
async def missing() -> None:
    raise ServiceError("cart_not_found", "not_found", "there is no cart of that name")


@router.get("/odd")
async def odd() -> Response:
    return Response(b"<html>bad gateway</html>", 502)


@router.get("/stuck")
async def stuck() -> None:
    await asyncio.Event().wait()


@router.get("/live")
async def live() -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        yield "data: 1\n\n"
        await asyncio.sleep(0.3)
        yield "data: 2\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


@asynccontextmanager
async def carts_client(
    token: str | None = "s3cret", timeout_s: float = 5, caller: str = "mcp-gateway"
) -> AsyncIterator[ServiceClient]:
    digest = hashlib.sha256(b"s3cret").hexdigest()
    settings = ServiceSettings.model_validate({"service_callers": f"{caller}:{digest}"})
    app: FastAPI = create_http_app(
        service="carts", settings=settings, routers=[router], readiness=Readiness(FakeClock())
    )
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(serving(app))
        client = ServiceClient("carts", address, SecretStr(token) if token else None, timeout_s)
        stack.push_async_callback(client.close)
        yield client


async def refused(call: Callable[[], Awaitable[object]]) -> ServiceError:
    with pytest.raises(ServiceError) as error:
        await call()
    return error.value


async def test_contracts_go_out_and_come_back() -> None:
    async with carts_client() as client:
        assert await client.post("/carts", Cart, Cart(name="a")) == Cart(name="a")
        page = await client.get("/carts", Page[Cart], {"cursor": None})
        assert page.items == [Cart(name="a")]


async def test_parameters_may_be_lists_times_and_none() -> None:
    async with carts_client() as client:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        answer = await client.get("/echo", Echo, {"tag": ["a", "b c"], "at": at, "cursor": None})
        assert answer.query == {"tag": ["a", "b c"], "at": ["2026-01-01T00:00:00+00:00"]}


async def test_the_current_trace_goes_along() -> None:
    async with carts_client() as client:
        parameters = {"tag": "a", "at": datetime(2026, 1, 1, tzinfo=UTC)}
        assert (await client.get("/echo", Echo, parameters)).traceparent is None
        with continued({"traceparent": TRACEPARENT}):
            assert (await client.get("/echo", Echo, parameters)).traceparent == TRACEPARENT


async def test_a_refusal_is_told_on_as_it_is() -> None:
    async with carts_client() as client:
        error = await refused(lambda: client.get("/missing", Cart))
        assert isinstance(error, RemoteError)
        assert (error.code, error.category, error.problem.status) == ("cart_not_found", "not_found", 404)
        assert error.detail == "there is no cart of that name"
        wrong = await refused(lambda: client.post("/carts", Cart, Page[Cart](items=[])))
        assert [e.field for e in wrong.errors] == ["name", "items"]


async def test_a_question_that_no_address_can_hold_is_the_callers_error() -> None:
    async with carts_client() as client:
        error = await refused(lambda: client.get("/echo", Echo, {"tag": ["\U0001f600" * 200] * 200}))
        assert (error.code, error.category) == ("address_too_long", "address_too_long")
        wide = await refused(lambda: client.get("/echo", Echo, {"tag": ["x" * 65_536]}))
        assert wide.code == "address_too_long"


async def test_an_answer_that_is_no_problem_is_still_an_error_with_a_code() -> None:
    async with carts_client() as client:
        error = await refused(lambda: client.get("/odd", Cart))
        assert (error.code, error.category, error.detail) == (
            "remote_error",
            "internal",
            "carts answered 502 Bad Gateway",
        )


async def test_an_answer_that_is_not_understood_is_told_with_the_services_name() -> None:
    async with carts_client() as client:
        error = await refused(lambda: client.get("/carts", Cart))
        assert error.detail == "carts answered what is not understood: name Field required"


async def test_a_wrong_token_is_this_services_fault_and_not_the_callers() -> None:
    async with carts_client(token="wrong") as client:
        error = await refused(lambda: client.get("/carts", Page[Cart]))
        assert (error.category, error.detail) == (
            "unavailable",
            "carts refuses the token of this service (SERVICE_TOKEN)",
        )


async def test_a_service_that_is_not_admitted_says_so_of_itself() -> None:
    async with carts_client(caller="horse") as client:
        error = await refused(lambda: client.get("/carts", Page[Cart]))
        assert (error.category, error.detail) == (
            "unavailable",
            "carts does not admit this service: horse may not call GET /carts: mcp-gateway may",
        )


async def test_a_service_that_does_not_answer_is_named() -> None:
    async with carts_client(timeout_s=0.05) as client:
        error = await refused(lambda: client.get("/stuck", Cart))
        assert isinstance(error, ServiceUnavailable)
        assert error.detail == "carts did not answer within 0.05 s"
    gone = ServiceClient("carts", str(client.http.base_url))
    error = await refused(lambda: gone.get("/carts", Cart))
    assert error.detail.startswith(f"carts does not answer at {str(client.http.base_url).rstrip('/')}")
    await gone.close()


async def test_a_connection_that_breaks_without_a_word_is_told_by_its_kind() -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("")

    client = ServiceClient("carts", "http://carts.invalid")
    client.http = httpx.AsyncClient(transport=httpx.MockTransport(broken), base_url="http://carts.invalid")
    error = await refused(lambda: client.get("/carts", Cart))
    assert error.detail == "carts does not answer at http://carts.invalid: ReadError"
    await client.close()


async def test_a_stream_may_pause_longer_than_the_time_limit() -> None:
    async with carts_client(timeout_s=0.2) as client:
        async with client.stream("/live") as response:
            assert [line async for line in response.aiter_lines() if line] == ["data: 1", "data: 2"]

        async def read() -> None:
            async with client.stream("/missing"):
                pass

        assert (await refused(read)).code == "cart_not_found"

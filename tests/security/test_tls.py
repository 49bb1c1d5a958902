"""Every connection of a service believes the right authority and name alone, and shows its own certificate where asked.

The servers' wheels have no TLS built in, so that a TLS endpoint stands before them; the clients are the product's.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import redis.exceptions
from fastapi import APIRouter, Request
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from starlette.responses import Response

from contracts.base import Model
from servicekit.cache import Cache
from servicekit.client import ServiceClient, ServiceUnavailable
from servicekit.health import Readiness
from servicekit.http import create_http_app
from servicekit.lifecycle import Server
from servicekit.pg import open_connection
from servicekit.settings import ServiceSettings
from servicekit.traces import exporter_to
from tests.support.fakes import FakeClock
from tests.support.stack import PASSWORD, TestPostgres, TestRedis
from tests.support.tls import LOCAL, Authority, Certificate, in_front_of, server_context
from tests.support.waiting import eventually

ELSEWHERE = "elsewhere.example"
REFUSALS = (OSError, ServiceUnavailable, asyncpg.PostgresConnectionError, redis.exceptions.ConnectionError)

Given = dict[str, Any]


class Said(Model):
    """What the test's service answers."""

    word: str = "hello"


router = APIRouter()


@router.get("/word")
async def word() -> Said:
    return Said()


@router.post("/later")
async def later() -> Said:
    # Ten times as long as a head may take in the test that asks for it.
    await asyncio.sleep(0.5)
    return Said(word="at last")


@router.post("/v1/traces")
async def traces(request: Request) -> Response:
    assert await request.body()
    return Response(b"", media_type="application/x-protobuf")


@dataclass(frozen=True)
class Peer:
    """One kind of server: how to serve it with a TLS context's files, and how the product asks it."""

    prefix: str
    serve: Callable[[Certificate, Authority | None], AsyncGenerator[int]]
    ask: Callable[[int, Given], Awaitable[None]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "theirs")


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    server = TestRedis(tmp_path_factory.mktemp("redis") / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["redis", "postgres", "http", "otlp"])
def peer(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, postgres: TestPostgres, redis_server: TestRedis
) -> Peer:
    """One after the other."""
    # The exporter tries again for that long.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")

    async def before(port: int, own: Certificate, callers: Authority | None, asked: bool) -> AsyncGenerator[int]:
        async with in_front_of(port, server_context(own, callers), asked_first=asked) as front:
            yield front

    peers = {
        "redis": Peer("redis_tls", lambda own, callers: before(redis_server.port, own, callers, False), ask_redis),
        "postgres": Peer("postgres_tls", lambda own, callers: before(postgres.port, own, callers, True), ask_postgres),
        "http": Peer("service_tls", serve_http, ask_http),
        "otlp": Peer("otel_exporter_otlp", serve_http, ask_collector),
    }
    return peers[request.param]


def trusting(peer: Peer, authority: Authority, own: Certificate | None = None) -> Given:
    """Settings that believe an authority, and show a certificate."""
    if peer.prefix == "otel_exporter_otlp":
        names = (
            "otel_exporter_otlp_certificate",
            "otel_exporter_otlp_client_certificate",
            "otel_exporter_otlp_client_key",
        )
    else:
        names = (f"{peer.prefix}_ca", f"{peer.prefix}_certificate", f"{peer.prefix}_key")
    values = (authority.file, own.chain if own else None, own.key if own else None)
    return dict(zip(names, values, strict=True))


@asynccontextmanager
async def served(peer: Peer, own: Certificate, callers: Authority | None = None) -> AsyncIterator[int]:
    async with asynccontextmanager(peer.serve)(own, callers) as port:
        yield port


async def serve_http(own: Certificate, callers: Authority | None) -> AsyncGenerator[int]:
    given = {
        "http_port": 0,
        "http_tls_certificate": own.chain,
        "http_tls_key": own.key,
        "http_tls_client_ca": callers.file if callers else None,
        "shutdown_grace_ms": 1_000,
    }
    async with running(ServiceSettings.model_validate(given)) as port:
        yield port


@asynccontextmanager
async def running(settings: ServiceSettings) -> AsyncIterator[int]:
    """The product's own HTTP server, on a free port."""
    app = create_http_app(service="words", settings=settings, routers=[router], readiness=Readiness(FakeClock()))
    server = Server(app, settings)
    serving = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: server.started or serving.done())
        yield server.port
    finally:
        server.should_exit = True
        await serving


async def ask_redis(port: int, given: Given) -> None:
    chosen = {"redis_host": LOCAL, "redis_port": port, "redis_tls": True}
    cache = Cache.connect(ServiceSettings.model_validate(chosen | given))
    try:
        await cache.check()
    finally:
        await cache.close()


async def ask_postgres(port: int, given: Given) -> None:
    chosen = {
        "postgres_host": LOCAL,
        "postgres_port": port,
        "postgres_db": "postgres",
        "postgres_password": PASSWORD,
        "postgres_tls": "verify-full",
    }
    connection = await open_connection(ServiceSettings.model_validate(chosen | given), "public")
    try:
        assert await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close()


async def ask_http(port: int, given: Given) -> None:
    client = ServiceClient.of(ServiceSettings.model_validate(given), "words", f"https://{LOCAL}:{port}")
    try:
        assert await client.get("/word", Said) == Said()
    finally:
        await client.close()


async def ask_collector(port: int, given: Given) -> None:
    exporter = exporter_to(f"https://{LOCAL}:{port}", ServiceSettings.model_validate(given))
    try:
        if await asyncio.to_thread(exporter.export, [a_span()]) is not SpanExportResult.SUCCESS:
            raise ConnectionError("the collector was not reached")
    finally:
        await asyncio.to_thread(exporter.shutdown)


def a_span() -> ReadableSpan:
    span = TracerProvider(shutdown_on_exit=False).get_tracer("test").start_span("work")
    span.end()
    assert isinstance(span, ReadableSpan)
    return span


async def test_a_server_of_the_right_authority_and_name_is_believed(peer: Peer, authority: Authority) -> None:
    async with served(peer, authority.issue()) as port:
        await peer.ask(port, trusting(peer, authority))


async def test_a_server_of_another_authority_is_refused(peer: Peer, authority: Authority, stranger: Authority) -> None:
    async with served(peer, stranger.issue()) as port:
        with pytest.raises(REFUSALS):
            await peer.ask(port, trusting(peer, authority))


async def test_a_server_with_a_certificate_of_another_name_is_refused(peer: Peer, authority: Authority) -> None:
    async with served(peer, authority.issue(ELSEWHERE)) as port:
        with pytest.raises(REFUSALS):
            await peer.ask(port, trusting(peer, authority))


async def test_a_server_that_asks_who_calls_is_shown_a_certificate(
    peer: Peer, authority: Authority, stranger: Authority
) -> None:
    async with served(peer, authority.issue(), callers=authority) as port:
        await peer.ask(port, trusting(peer, authority, authority.issue("orchestrator.example")))
        for wrong in (None, stranger.issue("orchestrator.example")):
            with pytest.raises(REFUSALS):
                await peer.ask(port, trusting(peer, authority, wrong))


async def test_postgres_without_tls_is_refused_where_tls_is_asked_for(
    postgres: TestPostgres, authority: Authority
) -> None:
    for mode in ("require", "verify-ca", "verify-full"):
        with pytest.raises(ConnectionError):
            await ask_postgres(postgres.port, {"postgres_tls": mode, "postgres_tls_ca": authority.file})


async def test_verify_ca_believes_any_name_of_the_authority(postgres: TestPostgres, authority: Authority) -> None:
    context = server_context(authority.issue(ELSEWHERE))
    async with in_front_of(postgres.port, context, asked_first=True) as port:
        await ask_postgres(port, {"postgres_tls": "verify-ca", "postgres_tls_ca": authority.file})


async def test_a_service_with_a_certificate_speaks_no_plain_http(authority: Authority) -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(asynccontextmanager(serve_http)(authority.issue(), None))
        client = ServiceClient("words", f"http://{LOCAL}:{port}")
        stack.push_async_callback(client.close)
        with pytest.raises(ServiceUnavailable):
            await client.get("/word", Said)


@pytest.mark.parametrize(
    "name", ["redis_tls", "postgres_tls", "service_tls", "http_tls", "nats_tls", "otel_exporter_otlp_client"]
)
def test_a_key_without_its_certificate_is_a_wrong_setting(name: str) -> None:
    for given in ("key", "certificate"):
        with pytest.raises(ValueError, match="go together"):
            ServiceSettings.model_validate({f"{name}_{given}": "/somewhere.pem"})


@asynccontextmanager
async def opened(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def test_a_head_that_does_not_end_is_refused_before_all_of_it_has_come() -> None:
    async with running(
        ServiceSettings.model_validate({"http_port": 0, "max_header_bytes": 2_048, "max_url_bytes": 2_048})
    ) as port:
        async with opened(port) as (reader, writer):
            writer.write(b"GET /word HTTP/1.1\r\nhost: words\r\nx-much: " + b"a" * 4_096)
            answer = await asyncio.wait_for(reader.read(), 5)
            assert answer.startswith(b"HTTP/1.1 431 ")
            assert b'"code":"headers_too_large"' in answer
        async with opened(port) as (_, writer):
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(flood(writer), 5)


async def flood(writer: asyncio.StreamWriter) -> None:
    writer.write(b"GET /word HTTP/1.1\r\n")
    while True:
        writer.write(b"a" * 65_536)
        await writer.drain()


async def test_a_connection_whose_head_does_not_come_is_closed() -> None:
    async with running(ServiceSettings.model_validate({"http_port": 0, "http_head_timeout_ms": 50})) as port:
        for begun in (b"", b"GET /word HTTP/1.1\r\nhost:"):
            async with opened(port) as (reader, writer):
                writer.write(begun)
                assert await asyncio.wait_for(reader.read(), 5) == b""


@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_an_answer_may_take_longer_than_a_head(body: bytes) -> None:
    limits = {"http_port": 0, "http_head_timeout_ms": 50}
    request = b"POST /later HTTP/1.1\r\nhost: words\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with running(ServiceSettings.model_validate(limits)) as port, opened(port) as (reader, writer):
        for _ in range(2):
            writer.write(request + body)
            assert await asyncio.wait_for(reader.readuntil(b'{"word":"at last"}'), 5)


async def test_a_second_request_on_a_connection_has_as_long_as_the_first() -> None:
    limits = {"http_port": 0, "http_head_timeout_ms": 200}
    async with running(ServiceSettings.model_validate(limits)) as port, opened(port) as (reader, writer):
        for _ in range(3):
            writer.write(b"GET /word HTTP/1.1\r\nhost: words\r\n\r\n")
            assert await reader.readuntil(b'{"word":"hello"}')
        writer.write(b"GET /word HTTP/1.1\r\n")
        assert await asyncio.wait_for(reader.read(), 5) == b""

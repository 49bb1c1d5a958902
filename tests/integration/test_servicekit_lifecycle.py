import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
from fastapi import FastAPI, Request

from tests.support.serving import serving
from tests.support.stack import Database, TestPostgres, TestRedis
from tests.support.waiting import PATIENCE_S, eventually

ROOT = Path(__file__).parents[2]


@dataclass
class Carts:
    """The running test service."""

    process: asyncio.subprocess.Process
    log: list[dict[str, object]] = field(default_factory=list)
    out: list[str] = field(default_factory=list)

    @property
    def address(self) -> str | None:
        return next((str(line["address"]) for line in self.log if line["event"] == "listening"), None)

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=str(self.address), timeout=10) as http:
            return await http.get(path)

    async def ready(self) -> bool:
        return (await self.get("/readyz")).status_code == 200

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@asynccontextmanager
async def carts(env: dict[str, str]) -> AsyncIterator[Carts]:
    """Start the service, wait until it listens, and see to it that it is gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.carts",
        "serve",
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HTTP_PORT": "0"} | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    running = Carts(process)
    assert process.stdout
    assert process.stderr
    readers = [
        asyncio.create_task(read(process.stderr, lambda line: running.log.append(json.loads(line)))),
        asyncio.create_task(read(process.stdout, running.out.append)),
    ]
    try:
        await eventually(lambda: running.address or process.returncode is not None)
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await asyncio.gather(*readers)


async def read(stream: asyncio.StreamReader, take: object) -> None:
    async for line in stream:
        take(line.decode().rstrip())  # type: ignore[operator]


async def end(running: Carts, within: float = 15) -> int:
    return await asyncio.wait_for(running.process.wait(), within)


@pytest.fixture
def env(database: Database, redis_server: TestRedis) -> dict[str, str]:
    return database.env("orchestrator") | redis_server.env()


async def test_sigterm_answers_what_is_open_and_ends_with_zero(env: dict[str, str]) -> None:
    async with carts(env) as running:
        open_request = asyncio.create_task(running.get("/slow"))
        await eventually(lambda: "slow" in running.out)
        running.terminate()
        assert (await open_request).json() == "done"
        assert await end(running) == 0
        await eventually(lambda: "closed" in running.out)


async def test_an_open_stream_ends_with_the_process_and_not_before(env: dict[str, str]) -> None:
    async with carts(env) as running, httpx.AsyncClient(timeout=10) as http:
        async with http.stream("GET", f"{running.address}/live") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "data: begun"
            running.terminate()
            assert [line async for line in lines if line] == ["data: over"]
        assert await end(running, 3) == 0


async def test_a_close_beyond_the_grace_period_is_cut_off(env: dict[str, str]) -> None:
    async with carts(env | {"SHUTDOWN_GRACE_MS": "500", "CLOSE_DELAY_MS": "60000"}) as running:
        running.terminate()
        assert await end(running) == 1
        await eventually(lambda: running.log[-1].get("reason") == "the grace period is over")
        assert "closed" not in running.out


async def test_a_second_signal_ends_at_once(env: dict[str, str]) -> None:
    async with carts(env | {"CLOSE_DELAY_MS": "60000"}) as running:
        running.terminate()
        await eventually(lambda: any(line["event"] == "stopping" for line in running.log))
        running.terminate()
        assert await end(running) == 1


async def test_a_service_starts_without_its_servers_and_is_ready_when_they_come(
    env: dict[str, str], postgres: TestPostgres, redis_server: TestRedis
) -> None:
    postgres.stop()
    redis_server.stop()
    try:
        async with carts(env) as running:
            assert (await running.get("/healthz")).status_code == 200
            answer = await running.get("/readyz")
            assert answer.status_code == 503
            assert answer.json()["checks"]["loops"] == "ok"
            assert "ok" not in {answer.json()["checks"][name] for name in ("postgres", "redis")}
            postgres.start()
            redis_server.start()
            await eventually(running.ready)
            postgres.kill()
            redis_server.kill()
            await eventually(lambda: not_ready(running))
            postgres.start()
            redis_server.start()
            await eventually(running.ready)
            assert running.process.returncode is None
    finally:
        postgres.start()


async def not_ready(running: Carts) -> bool:
    return not await running.ready()


async def test_a_failing_start_ends_the_process_with_an_error(env: dict[str, str]) -> None:
    async with carts(env | {"FAIL_AT_START": "true"}) as running:
        assert await end(running) != 0
        await eventually(lambda: any("it does not start" in json.dumps(line) for line in running.log))


async def test_a_taken_port_is_said_in_one_line(env: dict[str, str]) -> None:
    async with carts(env) as first:
        port = str(first.address).rpartition(":")[2]
        async with carts(env | {"HTTP_PORT": port}) as second:
            assert await end(second) != 0
            await eventually(lambda: any("address already in use" in str(line["event"]) for line in second.log))


async def test_an_idle_service_is_small(env: dict[str, str]) -> None:
    async with carts(env) as running:
        await eventually(running.ready)
        assert psutil.Process(running.process.pid).memory_info().rss < 120 * 1024 * 1024


async def test_spans_reach_the_collector_before_the_process_ends(env: dict[str, str]) -> None:
    collector, received = FastAPI(), list[bytes]()

    @collector.post("/v1/traces")
    async def traces(request: Request) -> None:
        received.append(await request.body())

    async with serving(collector) as address, carts(env | {"OTEL_EXPORTER_OTLP_ENDPOINT": address}) as running:
        await running.get("/healthz")
        await running.get("/slow")
        running.terminate()
        assert await end(running) == 0
        spans = b"".join(received)
        assert b"service.name" in spans
        assert b"carts" in spans
        assert b"GET /slow" in spans
        assert b"healthz" not in spans


async def test_a_collector_that_is_away_keeps_no_service_from_serving_or_ending(env: dict[str, str]) -> None:
    with socket.socket() as taken:
        # Nobody listens where a socket is bound and does not listen.
        taken.bind(("127.0.0.1", 0))
        away = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{taken.getsockname()[1]}"}
        # More than the queue of spans holds, so that some are dropped too.
        async with carts(
            env | away | {"OTEL_BSP_MAX_QUEUE_SIZE": "16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8"}
        ) as running:
            for _ in range(100):
                assert (await running.get("/openapi.json")).status_code == 200
            running.terminate()
            assert await end(running) == 0
            assert not [line for line in running.log if "opentelemetry" in str(line.get("logger"))]


async def command(*arguments: str, **env: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.carts",
        *arguments,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode or 0, out.decode()


async def test_wrong_settings_are_one_line_that_names_each_variable() -> None:
    code, out = await command("serve", HTTP_PORT="eighty", POSTGRES_PASSWORD="hidden", LOG_LEVEL="loud")
    assert code == 2
    assert out.count("\n") == 1
    assert "HTTP_PORT: " in out
    assert "LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'" in out
    assert "hidden" not in out


async def test_help_names_the_commands() -> None:
    code, out = await command("--help")
    assert code == 0
    assert "serve" in out
    assert "migrate" in out
    assert (await command("nonsense"))[0] == 2


async def test_migrate_brings_the_schema_to_head_and_says_in_one_line_why_not(env: dict[str, str]) -> None:
    code, out = await command("migrate", **env)
    assert (code, json.loads(out.splitlines()[-1])["after"]) == (0, "0001")
    code, out = await command("migrate", **(env | {"POSTGRES_OWNER_PASSWORD": "wrong"}))
    assert code == 1
    assert out.startswith("carts: schema orchestrator not migrated: password authentication failed")
    assert out.count("\n") == 1

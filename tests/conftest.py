"""Fixtures for every test: real servers on demand."""

import gc
import os
import shutil
import ssl
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import structlog

from tests.support.scheduling import TogetherByFile, rank
from tests.support.stack import Database, TestNats, TestPostgres, TestRedis

StackEnv = Callable[[str], dict[str, str]]

# The prettier tracebacks, with all local variables, take seconds each.
PLAIN = [
    *structlog.get_config()["processors"][:-1],
    structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
]


@pytest.fixture(autouse=True)
def log_to_stderr() -> None:
    """Keep what services log apart from what commands print: both may run in one test."""
    structlog.configure(processors=PLAIN, logger_factory=structlog.PrintLoggerFactory(sys.stderr))


@pytest.fixture(scope="session", autouse=True)
def authorities_read_once() -> Iterator[None]:
    """Reading the public authorities takes 20 ms, and every HTTP client would do it anew."""
    with pytest.MonkeyPatch.context() as patch:
        for library in (httpx, httpx2):
            name = f"{library.__name__}._transports.default.create_ssl_context"
            patch.setattr(name, shared(library.create_ssl_context))
        yield


def shared(create: Callable[..., ssl.SSLContext]) -> Callable[..., ssl.SSLContext]:
    """The same context for all who trust the public authorities and show no certificate."""
    public = cache(lambda trust_env: create(trust_env=trust_env))

    def context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        return public(trust_env) if verify is True and cert is None else create(verify, cert, trust_env)

    return context


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: tests wait for about as long as they work."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TogetherByFile | None:
    """Divide the tests so that no server is started twice for one file, unless a way of dividing them was asked for."""
    return TogetherByFile(config, log) if config.getvalue("dist") == "load" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Within each folder the order stays the random one."""
    items.sort(key=lambda item: rank(item.nodeid))


def pytest_collection_finish() -> None:
    """What all tests are made of stays to the end: the collector of garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestPostgres]:
    """This test process's PostgreSQL, without fsync."""
    folder = tmp_path_factory.mktemp("postgres")
    server = TestPostgres(folder)
    server.start()
    server.make_template()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def database(postgres: TestPostgres) -> Iterator[Database]:
    """A fresh database with all schemas and roles, gone after the test."""
    fresh = postgres.create()
    yield fresh
    postgres.drop(fresh)


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[TestNats]:
    """A fresh NATS server with JetStream."""
    server = TestNats(tmp_path / "nats")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[TestRedis]:
    """A fresh Redis server."""
    server = TestRedis(tmp_path / "redis")
    server.start()
    yield server
    # It would look only every 100 ms whether it is to stop, and has nothing to keep.
    server.kill()


@pytest.fixture
def stack_env(database: Database, nats_server: TestNats, redis_server: TestRedis) -> StackEnv:
    """`stack_env(schema)`: all variables by which a service finds these servers."""
    return lambda schema: database.env(schema) | nats_server.env() | redis_server.env()

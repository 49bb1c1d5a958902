"""The life of a process: serve HTTP until told to stop, keep background loops running, stop within the grace period."""

import asyncio
import gc
import math
import os
import random
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import uvicorn
import uvloop
from fastapi import FastAPI

from servicekit.health import Check, NotReady, Readiness
from servicekit.http.protocol import limited_protocol
from servicekit.logs import get_logger
from servicekit.metrics import LOOP_FAILURES
from servicekit.settings import ServiceSettings

Loop = Callable[[], Awaitable[None]]

# Longer than the idle connections of ServiceClient live, so that no request meets a closing connection.
KEEP_ALIVE_S = 75
FORCED = 1
# New objects before the collector looks for cycles: events come by the thousand, and have none.
GC_THRESHOLD = 50_000
STOP_LOOP_S = 10.0
CANCELLATIONS = 2
# How often is asked whether loops may begin: work waits for them, and the question is cheap.
BEGIN_POLL_S = 0.5
BEGINNING = "beginning"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a crashed loop runs again: doubling from `first_s` to `most_s`, half of it random."""

    first_s: float = 0.1
    most_s: float = 30.0
    forget_after_s: float = 60.0
    """A loop that ran this long counts as healthy again."""
    unready_after: int = 3
    """Crashes in a row that make the service not ready."""

    def pause_s(self, failures: int, chance: float) -> float:
        """The pause after so many failures in a row (1 or more); `chance` is uniform between 0 and 1."""
        longest = min(self.most_s, self.first_s * 2 ** min(failures - 1, 30))
        return longest * (0.5 + chance / 2)


class Background:
    """Named loops that run until stopped; one that crashes is logged, counted and started again.

    A loop is an async function; when it returns it is done. Used as an async context manager, or with `stop`.
    With `begin_when`, none runs before that check has passed once: what they need may not be there yet, such as a
    schema that another process makes, and that is no crash.
    """

    def __init__(
        self, readiness: Readiness | None = None, backoff: Backoff | None = None, *, begin_when: Check | None = None
    ) -> None:
        self._backoff = backoff or Backoff()
        self._begin_when = begin_when
        self._begun = asyncio.Event()
        self._failing: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        if readiness is not None:
            readiness.add("loops", self.check)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def start(self, name: str, loop: Loop) -> None:
        """Run `loop` from now on, or from when loops may begin. Names are unique."""
        if name in self._tasks:
            raise ValueError(f"there is already a loop called {name!r}")
        if self._begin_when is None:
            self._begun.set()
        elif not self._tasks:
            self._tasks[BEGINNING] = asyncio.create_task(self._begin(self._begin_when), name=BEGINNING)
        self._tasks[name] = asyncio.create_task(self._supervise(name, loop), name=name)

    async def stop(self, within_s: float = STOP_LOOP_S) -> None:
        """Cancel the loops one after another, the last started first, each with `within_s` to finish what it has."""
        while self._tasks:
            name, task = self._tasks.popitem()
            if not await _ended(task, within_s):
                log.error("a loop does not stop", loop=name, within_s=within_s)

    async def check(self) -> None:
        """Raise NotReady while a loop keeps failing."""
        if self._failing:
            raise NotReady("; ".join(f"{name} keeps failing: {reason}" for name, reason in self._failing.items()))

    async def _begin(self, check: Check) -> None:
        told = None
        while (reason := await _reason_against(check)) is not None:
            if reason != told:
                log.info("loops wait", reason=reason)
            told = reason
            await asyncio.sleep(BEGIN_POLL_S)
        self._begun.set()

    async def _supervise(self, name: str, loop: Loop) -> None:
        await self._begun.wait()
        clock = asyncio.get_running_loop()
        failures = 0
        while True:
            started = clock.time()
            try:
                await self._run_once(name, loop)
                return
            except Exception as error:  # a supervisor is where crashes end
                healthy = clock.time() - started >= self._backoff.forget_after_s
                failures = 1 if healthy else failures + 1
                pause_s = self._backoff.pause_s(failures, random.random())
                self._note(name, error, failures, pause_s)
            await asyncio.sleep(pause_s)

    async def _run_once(self, name: str, loop: Loop) -> None:
        recovered = asyncio.get_running_loop().call_later(self._backoff.forget_after_s, self._failing.pop, name, None)
        try:
            await loop()
            self._failing.pop(name, None)
        finally:
            recovered.cancel()

    def _note(self, name: str, error: Exception, failures: int, pause_s: float) -> None:
        LOOP_FAILURES.labels(name).inc()
        log.error("a loop crashed", loop=name, failures=failures, again_in_s=round(pause_s, 2), exc_info=error)
        if failures >= self._backoff.unready_after:
            self._failing[name] = repr(error)


async def _reason_against(check: Check) -> str | None:
    try:
        await check()
    except Exception as error:  # readiness asks the same, and shows whatever it is
        return str(error) or type(error).__name__
    return None


def run(create_app: Callable[[], FastAPI], settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT: stop accepting, answer what is open, close the lifespan, return.

    Ends the process with 1 when that takes longer than SHUTDOWN_GRACE_MS or a second signal comes.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        app = create_app()
        _spare_the_collector()
        runner.run(_serve(app, settings))


def _spare_the_collector() -> None:
    """What stands now lives as long as the process, and need not be looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


async def _serve(app: FastAPI, settings: ServiceSettings) -> None:
    await Server(app, settings).serve()


class Server(uvicorn.Server):
    """Uvicorn that ends with a plain return after a signal, within a deadline, and tells the app that it stops."""

    def __init__(self, app: FastAPI, settings: ServiceSettings) -> None:
        self._app = app
        self._grace_s = settings.shutdown_grace_ms / 1000
        super().__init__(_config(app, settings))

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return self.servers[0].sockets[0].getsockname()[1]

    async def startup(self, sockets: object = None) -> None:
        """Start the lifespan and listen."""
        await super().startup()
        scheme = "https" if self.config.is_ssl else "http"
        log.info("listening", address=f"{scheme}://{self.config.host}:{self.port}")

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """While it serves, signals stop it instead of killing the process."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, number.name)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def stop(self, reason: str) -> None:
        """Begin to stop; when called again, end the process at once."""
        if self.should_exit:
            self._end_now(f"{reason} again")
        log.info("stopping", reason=reason, grace_s=self._grace_s)
        self.should_exit = True
        self._app.state.stopping.set()
        asyncio.get_running_loop().call_later(self._grace_s, self._end_now, "the grace period is over")

    def _end_now(self, reason: str) -> None:
        log.error("ending with work in hand", reason=reason)
        sys.stderr.flush()
        os._exit(FORCED)


def _config(app: FastAPI, settings: ServiceSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        loop="uvloop",
        http=limited_protocol(settings),
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ssl_certfile=settings.http_tls_certificate,
        ssl_keyfile=settings.http_tls_key,
        ssl_ca_certs=settings.http_tls_client_ca,
        ssl_cert_reqs=ssl.CERT_REQUIRED if settings.http_tls_client_ca else ssl.CERT_NONE,
        timeout_keep_alive=KEEP_ALIVE_S,
        # Open requests get half of the grace; consumers and outboxes, which close with the lifespan, the rest.
        timeout_graceful_shutdown=max(1, math.floor(settings.shutdown_grace_ms / 2000)),
    )


async def _ended(task: asyncio.Task[None], within_s: float) -> bool:
    # asyncio.wait_for of Python 3.11 swallows a cancellation that comes together with its result.
    for _ in range(CANCELLATIONS):
        task.cancel()
        await asyncio.wait({task}, timeout=within_s / CANCELLATIONS)
        if task.done():
            return True
    return False

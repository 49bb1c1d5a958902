"""The composition root: the only place where the worker-agent's parts are made and joined."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI

from servicekit.clock import Clock, SystemClock
from servicekit.health import NotReady, Readiness
from servicekit.http import create_http_app
from servicekit.lifecycle import Background
from servicekit.logs import get_logger
from worker_agent import loops, subscriptions
from worker_agent.app.introducing import introduce
from worker_agent.app.making import MEBIBYTE, SERVICE, Parts, make
from worker_agent.settings import Settings, StopPolicy
from worker_agent.spool.lock import folder_lock

__all__ = ["SERVICE", "create_app"]

FLUSH_S = 5.0

log = get_logger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """The worker-agent as an application: its HTTP side is probes and metrics alone."""
    clock = SystemClock()
    readiness = Readiness(clock, timeout_s=settings.readiness_timeout_ms / 1000)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            await _start(app, stack, settings, clock, readiness)
            yield

    app = create_http_app(service=SERVICE, settings=settings, lifespan=lifespan, readiness=readiness)
    app.state.restart_wanted = False
    return app


async def _start(app: FastAPI, stack: AsyncExitStack, settings: Settings, clock: Clock, readiness: Readiness) -> None:
    stack.enter_context(folder_lock(settings.data_dir))
    parts = await make(stack, settings, clock)
    app.state.parts = parts
    introduced = asyncio.Event()
    _add_checks(readiness, parts, introduced)
    await parts.attempts.resume()
    # Not before: an agent that runs on would be told that its attempt is over. Until then it waits to be accepted.
    await stack.enter_async_context(parts.doors)
    outgoing = await stack.enter_async_context(Background(readiness))
    linger = loops.Linger(settings.spool_linger_ms / 1000, settings.spool_busy_linger_ms / 1000)
    outgoing.start("relay", partial(loops.relay, parts.spool, parts.outbound, linger, clock))
    stack.push_async_callback(_leave, parts)
    stack.push_async_callback(_let_go, parts)
    incoming = await stack.enter_async_context(Background())
    readiness.add("incoming", incoming.check)
    _start_loops(incoming, parts, introduced)
    incoming.start("restart", partial(_restart_when_wanted, app, parts))


def _start_loops(background: Background, parts: Parts, introduced: asyncio.Event) -> None:
    settings, attempts, commands = parts.settings, parts.attempts, parts.commands
    pulse = loops.Pulse(
        settings.worker_id,
        parts.incarnation,
        attempts,
        commands,
        parts.spool,
        parts.outbound,
        parts.journal,
        parts.clock,
        settings.heartbeat_ms / 1000,
    )
    take = subscriptions.assignments(parts.bus, SERVICE, settings.worker_id, attempts)
    leave = partial(parts.outbound.end_session, settings.worker_id, parts.incarnation, "drained")
    retention_s, memory_s = settings.workspace_retention_ms / 1000, settings.attempt_memory_ms / 1000
    budget = settings.workspace_budget_mb * MEBIBYTE
    background.start("heartbeat", pulse.run)
    background.start("metrics", partial(loops.measure, parts.spool, attempts, commands, parts.clock))
    background.start("clean", partial(loops.clean, attempts, retention_s, memory_s, budget))
    background.start("drain", partial(loops.leave_when_drained, commands, attempts, parts.spool, leave))
    background.start("time", partial(loops.keep_time, parts.workshop.times, parts.workshop.services))
    background.start("introduce", partial(introduce, parts, introduced))
    obey = subscriptions.commands_and_answers(parts.bus, SERVICE, settings.worker_id, attempts, commands)
    background.start("commands", obey)
    background.start("tasks", partial(loops.take_tasks, take, commands, parts.changes))


async def _restart_when_wanted(app: FastAPI, parts: Parts) -> None:
    while not parts.commands.restart_wanted:
        await parts.changes.wait()
    app.state.restart_wanted = True
    os.kill(os.getpid(), signal.SIGTERM)


async def _leave(parts: Parts) -> None:
    """The last thing before the relay stops: let the broker have what is in the spool, if that is soon done."""
    if not await parts.spool.drained(FLUSH_S if parts.bus.connected else 0.0):
        log.info("spool_kept", events=parts.spool.events)
    if parts.commands.state.draining or _is_leaving(parts):
        await parts.outbound.end_session(parts.settings.worker_id, parts.incarnation, "stopped")


async def _let_go(parts: Parts) -> None:
    await (parts.attempts.leave() if _is_leaving(parts) else parts.attempts.stop())


def _is_leaving(parts: Parts) -> bool:
    return parts.settings.worker_stop is StopPolicy.leave and not parts.commands.restart_wanted


def _add_checks(readiness: Readiness, parts: Parts, introduced: asyncio.Event) -> None:
    async def sandbox() -> None:
        found = await parts.workshop.sandbox.ready()
        if not found.ready:
            raise NotReady(found.detail)

    async def registered() -> None:
        if not introduced.is_set():
            raise NotReady("the agents are not tried yet")

    readiness.add("bus", parts.bus.check)
    readiness.add("sandbox", sandbox)
    readiness.add("registered", registered)

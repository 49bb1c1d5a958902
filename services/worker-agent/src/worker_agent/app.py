"""The composition root: the only place where the worker-agent's parts are made and joined."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from pydantic import ValidationError

from contracts import subjects
from contracts.commands import WorkerConfig
from contracts.workers import Registration
from servicekit.bus import Bus
from servicekit.clock import Clock, SystemClock
from servicekit.health import NotReady, Readiness
from servicekit.http import create_http_app
from servicekit.ids import new_id
from servicekit.lifecycle import Background
from servicekit.logs import configure_logging, get_logger
from worker_agent import __version__, loops, subscriptions
from worker_agent.agents import AgentHost, adapters
from worker_agent.bus import BusOutbound, BusServices, MailboxOpener
from worker_agent.decisions.limits import AttemptLimits, ObjectLimits
from worker_agent.decisions.redaction import without_known_secrets
from worker_agent.domain import Target, ToolProfile
from worker_agent.errors import WorkerError
from worker_agent.handlers.attempts import Attempts
from worker_agent.handlers.changes import Changes
from worker_agent.handlers.commands import Commands
from worker_agent.handlers.desk import Desk
from worker_agent.handlers.introduction import registration, try_agents
from worker_agent.handlers.reports import register
from worker_agent.handlers.slots import Slots
from worker_agent.handlers.workshop import Defaults, Patience, Workshop, insist
from worker_agent.mcp.http import bind, create_mcp_app, serving, url_of
from worker_agent.mcp.server import create_server
from worker_agent.mcp.tools import BY_NAME
from worker_agent.objects import JetStreamObjects
from worker_agent.sandboxes import UnixSandbox
from worker_agent.settings import Settings, StopPolicy
from worker_agent.spool.limits import SpoolLimits
from worker_agent.spool.lock import folder_lock
from worker_agent.spool.spool import Spool
from worker_agent.store import FileJournal

SERVICE = "worker-agent"
MEBIBYTE = 1024 * 1024
FLUSH_S = 5.0
RETRY_S = 1.0

log = get_logger(__name__)


@dataclass(frozen=True)
class Parts:
    """What makes up a running worker-agent."""

    settings: Settings
    clock: Clock
    incarnation: str
    bus: Bus
    outbound: BusOutbound
    spool: Spool
    journal: FileJournal
    workshop: Workshop
    attempts: Attempts
    commands: Commands
    changes: Changes
    doors: AbstractAsyncContextManager[None]


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
    parts = await _make(stack, settings, clock)
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


async def _make(stack: AsyncExitStack, settings: Settings, clock: Clock) -> Parts:
    journal = FileJournal(settings.data_dir)
    stack.callback(journal.close)
    state = journal.load_state()
    sandbox = UnixSandbox(settings.sandbox_socket)
    stack.push_async_callback(sandbox.close)
    inbox = subjects.worker_inbox(settings.worker_id)
    bus = await Bus.connect(settings, f"{SERVICE}-{settings.worker_id}", inbox_prefix=inbox)
    stack.push_async_callback(bus.drain)
    bus.on_reconnect(MailboxOpener(bus, settings.worker_id).open)
    bus.refresh()
    spool = await Spool.open(settings.data_dir / "spool", _spool_limits(settings), _comes_last)
    stack.push_async_callback(spool.close)
    listening = bind(settings.worker_mcp_port or state.mcp_port)
    objects = JetStreamObjects(bus, settings.worker_id)
    services = BusServices(bus, settings.worker_id, settings.rpc_timeout_ms / 1000)
    workshop = _workshop(settings, clock, sandbox, journal, url_of(listening), objects, services)
    slots = Slots(settings.max_concurrent_tasks)
    attempts = Attempts(settings.worker_id, workshop, spool, slots, _defaults(settings))
    changes = Changes()
    commands = Commands(state, attempts, journal, changes.tell, partial(_set_log_level, settings))
    await commands.apply(state.config)
    await commands.save(mcp_port=listening.getsockname()[1])
    desk = Desk(workshop, services, commands, changes)
    server = create_server(__version__, desk, traced=settings.otel_exporter_otlp_endpoint is not None)
    mcp_app = create_mcp_app(server, attempts.by_token, settings.max_tool_body_bytes)
    outbound = BusOutbound(bus, clock, attempts.trace_of)
    doors, run = serving(mcp_app, listening, settings.max_tool_connections), new_id("run")
    return Parts(settings, clock, run, bus, outbound, spool, journal, workshop, attempts, commands, changes, doors)


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
    take = subscriptions.assignments(parts.bus, settings.worker_id, attempts)
    leave = partial(parts.outbound.end_session, settings.worker_id, parts.incarnation, "drained")
    retention_s, memory_s = settings.workspace_retention_ms / 1000, settings.attempt_memory_ms / 1000
    budget = settings.workspace_budget_mb * MEBIBYTE
    background.start("heartbeat", pulse.run)
    background.start("metrics", partial(loops.measure, parts.spool, attempts, commands, parts.clock))
    background.start("clean", partial(loops.clean, attempts, retention_s, memory_s, budget))
    background.start("drain", partial(loops.leave_when_drained, commands, attempts, parts.spool, leave))
    background.start("introduce", partial(_introduce, parts, introduced))
    background.start("commands", subscriptions.commands_and_answers(parts.bus, settings.worker_id, attempts, commands))
    background.start("tasks", partial(loops.take_tasks, take, commands, parts.changes))


async def _introduce(parts: Parts, introduced: asyncio.Event) -> None:
    """Try the agents as soon as the sandbox is ready, and register; again whenever the configuration changes."""
    await _try_agents(parts)
    told: Registration | None = None
    while True:
        introduction = _registration(parts)
        if introduction != told:
            await insist(partial(register, parts.spool, introduction, parts.clock.now))
            log.info("registered", worker_id=introduction.worker_id, capabilities=introduction.capabilities)
            introduced.set()
            told = introduction
        await parts.changes.wait()


def _registration(parts: Parts) -> Registration:
    settings, config = parts.settings, parts.commands.state.config
    return registration(
        worker_id=settings.worker_id,
        incarnation=parts.incarnation,
        tags=config.tags if config.tags is not None else settings.worker_tags,
        capabilities=settings.worker_capabilities,
        agents=parts.workshop.agent_versions,
        slots=parts.attempts.slots.limit,
        version=__version__,
    )


async def _try_agents(parts: Parts) -> None:
    while True:
        try:
            await try_agents(parts.workshop, parts.incarnation)
            return
        except WorkerError as error:
            log.warning("sandbox_away", error=error.detail)
            await asyncio.sleep(RETRY_S)


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
    async def bus() -> None:
        if not parts.bus.ready:
            raise NotReady("the bus is away, or its streams are not declared yet")

    async def sandbox() -> None:
        found = await parts.workshop.sandbox.ready()
        if not found.ready:
            raise NotReady(found.detail)

    async def registered() -> None:
        if not introduced.is_set():
            raise NotReady("the agents are not tried yet")

    readiness.add("bus", bus)
    readiness.add("sandbox", sandbox)
    readiness.add("registered", registered)


def _workshop(
    settings: Settings,
    clock: Clock,
    sandbox: UnixSandbox,
    journal: FileJournal,
    mcp_url: str,
    objects: JetStreamObjects,
    services: BusServices,
) -> Workshop:
    patience = Patience(
        settings.sandbox_patience_ms / 1000,
        settings.stop_grace_ms,
        settings.usage_ms / 1000,
        settings.completion_linger_ms / 1000,
        settings.push_ms,
        settings.save_ms / 1000,
        settings.unsaved_retention_ms / 1000,
        settings.pause_grace_ms / 1000,
        settings.result_linger_ms / 1000,
        settings.attempt_max_crashes,
    )
    host = AgentHost(settings.agent_python, settings.agent_path, settings.agent_variables, settings.agent_models)
    return Workshop(
        sandbox=sandbox,
        objects=objects,
        services=services,
        adapters=adapters(host),
        journal=journal,
        clock=clock,
        patience=patience,
        mcp_url=mcp_url,
        object_limits=ObjectLimits(settings.max_artifact_mb, settings.max_checkpoint_mb),
        most_bundle_bytes=settings.bundle_max_mb * MEBIBYTE,
        quotas={Target.artifact_mb: settings.artifact_quota_mb, Target.questions: settings.max_open_questions},
        policy=settings.policy(frozenset({*BY_NAME, *ToolProfile})),
        send_limits=settings.send_limits,
        agent_secrets=settings.agent_keys,
    )


def _defaults(settings: Settings) -> Defaults:
    memory_mb = settings.memory_limit_mb
    limits = AttemptLimits(settings.run_ms, settings.silence_ms, settings.verify_ms, memory_mb=memory_mb)
    return Defaults(settings.default_agent, limits, settings.worker_tool_profile)


def _set_log_level(settings: Settings, config: WorkerConfig) -> None:
    if config.log_level is None:
        return
    try:
        changed = Settings.model_validate(settings.model_dump() | {"log_level": config.log_level})
    except ValidationError:
        log.warning("config_refused", log_level=config.log_level)
    else:
        configure_logging(SERVICE, changed, scrub=without_known_secrets)


def _spool_limits(settings: Settings) -> SpoolLimits:
    return SpoolLimits(max_bytes=settings.spool_max_mb * MEBIBYTE, max_event_bytes=settings.max_event_bytes)


def _comes_last(subject: str) -> bool:
    return subject.startswith(f"{subjects.COMPLETED}.")

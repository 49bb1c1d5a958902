"""The parts of a worker-agent, made from its settings."""

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial

from pydantic import ValidationError

from contracts import subjects
from contracts.commands import WorkerConfig
from servicekit.bus import Bus
from servicekit.clock import Clock
from servicekit.ids import new_id
from servicekit.logs import configure_logging, get_logger
from worker_agent import __version__
from worker_agent.agents import AgentHost, adapters
from worker_agent.bus import BusOutbound, BusServices, MailboxOpener
from worker_agent.decisions.limits import AttemptLimits, ObjectLimits
from worker_agent.decisions.redaction import without_known_secrets
from worker_agent.domain import Target, ToolProfile
from worker_agent.handlers.attempts import Attempts
from worker_agent.handlers.changes import Changes
from worker_agent.handlers.commands import Commands
from worker_agent.handlers.desk import Desk
from worker_agent.handlers.slots import Slots
from worker_agent.handlers.timekeeping import Timekeeper
from worker_agent.handlers.workshop import Defaults, Patience, Workshop
from worker_agent.mcp.http import bind, create_mcp_app, serving, url_of
from worker_agent.mcp.server import create_server
from worker_agent.mcp.tools import BY_NAME
from worker_agent.objects import JetStreamObjects
from worker_agent.sandboxes import UnixSandbox
from worker_agent.settings import Settings
from worker_agent.spool.limits import SpoolLimits
from worker_agent.spool.spool import Spool
from worker_agent.store import FileJournal

SERVICE = "worker-agent"
MEBIBYTE = 1024 * 1024

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


async def make(stack: AsyncExitStack, settings: Settings, clock: Clock) -> Parts:
    """All parts, joined; the stack takes them apart again."""
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
        times=Timekeeper(clock),
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

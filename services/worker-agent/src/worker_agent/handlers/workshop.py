"""What every attempt is run with, and the patience it is run with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from servicekit.clock import Clock
from servicekit.logs import get_logger
from worker_agent.decisions.grants import Policy
from worker_agent.decisions.limits import AttemptLimits, ObjectLimits
from worker_agent.decisions.rates import SendLimits
from worker_agent.domain import Target, ToolProfile
from worker_agent.errors import SandboxUnavailable, SpoolFull, SpoolUnavailable
from worker_agent.handlers.timekeeping import Timekeeper
from worker_agent.ports import AgentAdapter, Journal, ObjectStore, SandboxBackend, Services

RETRY_S = 0.5
KEEPER_PAUSE_S = 1.0

Result = TypeVar("Result")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the worker-agent waits for what."""

    sandbox_away_s: float
    """For the sandbox to come back, before an attempt that needs it fails."""
    grace_ms: int
    """For a process to end, between TERM and KILL."""
    usage_every_s: float
    linger_s: float
    """How long an agent may stay after it has said that it has finished."""
    push_ms: int
    """For a remote to take a push."""
    save_s: float
    """For the object store to take a result, before the outcome is told without it and the rest is done later."""
    unsaved_s: float
    """For a result to be saved at last, before its workspace is removed all the same."""
    pause_grace_s: float
    """How long `check_commands` tells of a pause before the agent is stopped."""
    result_linger_s: float
    """How long an agent's program may stay after the last line of its output."""
    most_crashes: int
    """How often the worker-agent may die with an attempt before it gives it up."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for a task that says nothing of it."""

    agent: str
    limits: AttemptLimits
    tool_profile: ToolProfile = ToolProfile.full


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every attempt is run with."""

    sandbox: SandboxBackend
    objects: ObjectStore
    services: Services
    adapters: Mapping[str, AgentAdapter]
    journal: Journal
    clock: Clock
    times: Timekeeper
    """Sets right what is reported."""
    patience: Patience
    mcp_url: str
    object_limits: ObjectLimits
    most_bundle_bytes: int
    """Largest result that is kept in the object store."""
    quotas: Mapping[Target, int]
    """How much of the platform an attempt may use without a grant."""
    policy: Policy
    send_limits: SendLimits
    """How fast each attempt may send events and objects."""
    agent_secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    """The worker's own keys for its agents: they are masked in all that is reported."""
    agent_versions: dict[str, str] = field(default_factory=dict[str, str])
    """Versions of the agents that can run here, as the self-tests read them."""


async def patiently(work: Callable[[], Awaitable[Result]], workshop: Workshop) -> Result:
    """Try again while the sandbox is away; raises SandboxUnavailable once that has lasted too long."""
    away_since: float | None = None
    while True:
        try:
            return await work()
        except SandboxUnavailable:
            # Counted from the first failure: the work itself may have gone on for longer than the patience.
            now = workshop.clock.monotonic()
            away_since = now if away_since is None else away_since
            if now - away_since >= workshop.patience.sandbox_away_s:
                raise
            await asyncio.sleep(RETRY_S)


async def keep_up(work: Callable[[], Awaitable[None]], task_id: str) -> None:
    """Begin it anew whenever it fails: it finds in the attempt's record how far it is, and nobody waits for it."""
    while True:
        try:
            return await work()
        except Exception:
            log.exception("keeper_failed", task_id=task_id)
            await asyncio.sleep(KEEPER_PAUSE_S)


async def insist(work: Callable[[], Awaitable[Result]], meanwhile: Callable[[], None] | None = None) -> Result:
    """Try again, for as long as it takes, while the spool takes nothing: for what must not be lost."""
    while True:
        try:
            return await work()
        except (SpoolFull, SpoolUnavailable):
            if meanwhile is not None:
                meanwhile()
            await asyncio.sleep(RETRY_S)

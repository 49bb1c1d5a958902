"""How a worker-agent makes itself known."""

import asyncio
from functools import partial

from contracts.workers import Registration
from servicekit.logs import get_logger
from worker_agent import __version__
from worker_agent.app.making import Parts
from worker_agent.errors import WorkerError
from worker_agent.handlers.introduction import registration, try_agents
from worker_agent.handlers.reports import register
from worker_agent.handlers.workshop import insist

RETRY_S = 1.0

log = get_logger(__name__)


async def introduce(parts: Parts, introduced: asyncio.Event) -> None:
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

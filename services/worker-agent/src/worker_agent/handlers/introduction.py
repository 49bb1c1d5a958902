"""How this worker introduces itself: what it can do, which it has tried, and what it runs on."""

import asyncio
import os
import platform
import socket
from collections.abc import Mapping, Sequence

import psutil

from contracts.base import JsonObject
from contracts.sandbox import EmptySource, OutputEnd, ProcessLimits, ProcessStart
from contracts.workers import Registration
from servicekit.logs import get_logger
from worker_agent.decisions.versions import version_in
from worker_agent.errors import SandboxRefused, SandboxUnavailable
from worker_agent.handlers.workshop import Workshop
from worker_agent.ports import AgentAdapter, SandboxBackend, SelfTest

SELF_TEST_MS = 20_000
MAX_OUTPUT = 4_000
MEBIBYTE = 1024 * 1024

log = get_logger(__name__)


class Unusable(Exception):
    """Why an agent cannot run here."""


async def try_agents(workshop: Workshop, incarnation: str) -> None:
    """Try every agent in the sandbox; those that run are `workshop.agent_versions` then.

    Raises SandboxUnavailable while the sandbox is not ready.
    """
    readiness = await workshop.sandbox.ready()
    if not readiness.ready:
        raise SandboxUnavailable(f"the sandbox is not ready: {readiness.detail}")
    workspace = f"selftest-{incarnation[-12:]}"
    await workshop.sandbox.create_workspace(workspace, EmptySource())
    try:
        tried = [_tried(adapter, workspace, workshop) for adapter in workshop.adapters.values()]
        found = dict(zip(workshop.adapters, await asyncio.gather(*tried), strict=True))
        workshop.agent_versions.clear()
        workshop.agent_versions.update({name: version for name, version in found.items() if version is not None})
    finally:
        await workshop.sandbox.remove_workspace(workspace)


def registration(
    *,
    worker_id: str,
    incarnation: str,
    tags: Sequence[str],
    capabilities: Sequence[str],
    agents: Mapping[str, str],
    slots: int,
    version: str,
) -> Registration:
    """The registration of this worker as it is now."""
    return Registration(
        worker_id=worker_id,
        hostname=socket.gethostname()[:200] or "unknown",
        incarnation=incarnation,
        tags=list(tags),
        capabilities=[*(f"agent:{name}" for name in agents), *capabilities],
        max_concurrent_tasks=slots,
        system_info=_system_info(agents),
        version=version,
    )


def _system_info(agents: Mapping[str, str]) -> JsonObject:
    return {
        "agents": {**agents},
        "platform": platform.platform(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cpus": os.cpu_count() or 1,
        "memory_mb": psutil.virtual_memory().total // MEBIBYTE,
    }


async def _tried(adapter: AgentAdapter, workspace: str, workshop: Workshop) -> str | None:
    """The version of an agent that runs here, empty where it tells none; None for one that does not run."""
    try:
        return await _version(adapter.name, adapter.self_test(), workspace, workshop.sandbox)
    except (Unusable, SandboxRefused) as reason:
        log.info("agent_not_usable", agent=adapter.name, reason=str(reason))
        return None


async def _version(name: str, test: SelfTest, workspace: str, sandbox: SandboxBackend) -> str:
    if test.lacks is not None:
        raise Unusable(test.lacks)
    limits = ProcessLimits(wall_ms=SELF_TEST_MS)
    start = ProcessStart(workspace=workspace, argv=test.argv, limits=limits, name=f"self-test {name}")
    started = await sandbox.start(start)
    output, process = "", await sandbox.wait(started.process_id, SELF_TEST_MS)
    async with sandbox.output(started.process_id, 0) as records:
        async for record in records:
            if isinstance(record, OutputEnd):
                process = record.process
            else:
                output = (output + record.text)[-MAX_OUTPUT:]
    if process.exit_code != 0:
        said = output.strip().splitlines()
        raise Unusable(f"{' '.join(test.argv)[-200:]} ended with {process.exit_code}: {said[-1][:200] if said else ''}")
    return version_in(output) or ""

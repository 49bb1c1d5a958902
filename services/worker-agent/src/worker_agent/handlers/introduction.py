"""How this worker introduces itself: what it can do, which it has tried, and what it runs on."""

import os
import platform
import socket
from collections.abc import Sequence

import psutil

from contracts.base import JsonObject
from contracts.sandbox import EmptySource, ProcessLimits, ProcessStart, ProcessState
from contracts.workers import Registration
from servicekit.logs import get_logger
from worker_agent.errors import SandboxRefused, SandboxUnavailable
from worker_agent.handlers.workshop import Workshop
from worker_agent.ports import AgentAdapter

SELF_TEST_MS = 30_000
MEBIBYTE = 1024 * 1024

log = get_logger(__name__)


async def usable_agents(workshop: Workshop, incarnation: str) -> list[str]:
    """The agents that run here, each tried in the sandbox. Raises SandboxUnavailable while it is not ready."""
    readiness = await workshop.sandbox.ready()
    if not readiness.ready:
        raise SandboxUnavailable(f"the sandbox is not ready: {readiness.detail}")
    workspace = f"selftest-{incarnation[-12:]}"
    await workshop.sandbox.create_workspace(workspace, EmptySource())
    try:
        return [adapter.name for adapter in workshop.adapters.values() if await _works(adapter, workspace, workshop)]
    finally:
        await workshop.sandbox.remove_workspace(workspace)


def registration(
    *,
    worker_id: str,
    incarnation: str,
    tags: Sequence[str],
    capabilities: Sequence[str],
    slots: int,
    version: str,
) -> Registration:
    """The registration of this worker as it is now."""
    return Registration(
        worker_id=worker_id,
        hostname=socket.gethostname()[:200] or "unknown",
        incarnation=incarnation,
        tags=list(tags),
        capabilities=list(capabilities),
        max_concurrent_tasks=slots,
        system_info=_system_info(),
        version=version,
    )


def _system_info() -> JsonObject:
    return {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cpus": os.cpu_count() or 1,
        "memory_mb": psutil.virtual_memory().total // MEBIBYTE,
    }


async def _works(adapter: AgentAdapter, workspace: str, workshop: Workshop) -> bool:
    start = ProcessStart(
        workspace=workspace,
        argv=adapter.self_test(),
        limits=ProcessLimits(wall_ms=SELF_TEST_MS),
        name=f"self-test {adapter.name}",
    )
    try:
        process = await workshop.sandbox.start(start)
        process = await workshop.sandbox.wait(process.process_id, SELF_TEST_MS)
    except SandboxRefused as error:
        log.warning("agent_not_usable", agent=adapter.name, error=error.detail)
        return False
    works = process.state is ProcessState.ENDED and process.exit_code == 0
    if not works:
        log.warning("agent_not_usable", agent=adapter.name, exit_code=process.exit_code, reason=process.reason)
    return works

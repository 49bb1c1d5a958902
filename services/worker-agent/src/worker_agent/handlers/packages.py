"""Packages that were granted: installed by a command in the sandbox, into a folder of their own below its HOME."""

from contracts.sandbox import OutputEnd, Process, ProcessLimits, ProcessStart, ProcessState
from worker_agent.decisions.lines import readable
from worker_agent.decisions.packages import Package, package_of
from worker_agent.domain import GrantNote
from worker_agent.errors import SandboxRefused
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.workshop import Workshop

INSTALL_MS = 300_000
LONGEST_WAIT_MS = 30_000
TAIL = 1_000


async def install(attempt: Attempt, workshop: Workshop, note: GrantNote) -> str:
    """Install it; how a program finds it. Raises SandboxRefused when it cannot be, SandboxUnavailable."""
    package = _package(note)
    await _run(attempt, workshop, note, "install", package.install)
    return f"To use it: {package.use}."


async def remove(attempt: Attempt, workshop: Workshop, note: GrantNote) -> None:
    """Remove it. Raises SandboxRefused, SandboxUnavailable."""
    await _run(attempt, workshop, note, "remove", _package(note).removal)


def _package(note: GrantNote) -> Package:
    package = package_of(note.amount)
    assert package is not None, "only what is a package is noted as one"
    return package


async def _run(attempt: Attempt, workshop: Workshop, note: GrantNote, role: str, argv: tuple[str, ...]) -> None:
    sandbox = workshop.sandbox
    start = ProcessStart(
        workspace=attempt.key.workspace,
        argv=argv,
        env=attempt.record.assignment.requirements.env,
        limits=ProcessLimits(wall_ms=INSTALL_MS),
        name=f"{role} {note.what}"[:128],
        process_id=attempt.key.process_id(f"{role}-{note.event_id[-12:]}"),
    )
    process = await sandbox.start(start)
    while process.state is not ProcessState.ENDED:
        process = await sandbox.wait(process.process_id, LONGEST_WAIT_MS)
    if process.exit_code != 0:
        raise SandboxRefused("not_installed", f"{start.name} failed: {await _said(workshop, process)}")


async def _said(workshop: Workshop, process: Process) -> str:
    """The end of what it wrote."""
    text, written = "", process.stdout_bytes + process.stderr_bytes
    async with workshop.sandbox.output(process.process_id, max(0, written - TAIL)) as records:
        async for record in records:
            if isinstance(record, OutputEnd):
                break
            text = (text + record.text)[-TAIL:]
    return readable(text).strip() or f"exit code {process.exit_code}, {process.reason}"

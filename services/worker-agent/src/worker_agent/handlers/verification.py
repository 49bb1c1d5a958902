"""Verification: the task's own commands, run by the platform on a clean checkout once the agent is gone."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from contracts.events.recovery import CommandResult, Verified
from contracts.sandbox import EndReason, OutputEnd, Process, ProcessStart, ProcessState
from servicekit.clock import Clock
from worker_agent.decisions.limits import AttemptLimits
from worker_agent.decisions.lines import from_a_word_on, readable
from worker_agent.domain import AttemptKey
from worker_agent.errors import SandboxRefused, SandboxUnavailable
from worker_agent.handlers.evidence import reports_in
from worker_agent.ports import SandboxBackend

SHELL = ("/bin/sh", "-c")
TAIL = 4_000
LONGEST_WAIT_MS = 60_000
ENDED_BY_SANDBOX = frozenset({EndReason.LOST, EndReason.CANCELLED})
"""Ends that say nothing of the command: the sandbox was killed, or stopped in order, while it ran."""


async def verify(
    key: AttemptKey,
    commands: Sequence[str],
    env: dict[str, str],
    limits: AttemptLimits,
    sandbox: SandboxBackend,
    clock: Clock,
) -> Verified:
    """Run the commands in order, and stop at the first that fails. Raises SandboxUnavailable, SandboxRefused.

    That the sandbox was started anew meanwhile is SandboxUnavailable too; to try again begins with a new checkout.
    """
    target = workspace_of(key)
    commit, made_at = await _checkout(key, target, sandbox)
    deadline = clock.monotonic() + limits.verify_ms / 1000
    results: list[CommandResult] = []
    for number, command in enumerate(commands):
        left_ms = max(1, int((deadline - clock.monotonic()) * 1000))
        start = ProcessStart(
            workspace=target,
            argv=(*SHELL, command),
            env=env,
            limits=limits.for_process.model_copy(update={"wall_ms": left_ms}),
            name=f"verify {number + 1}",
            process_id=key.process_id(f"verify-{number}"),
        )
        results.append(await _run(start, command, deadline, sandbox, clock))
        if results[-1].exit_code != 0:
            break
    found = await reports_in(target, made_at, sandbox)
    await sandbox.remove_workspace(target)
    passed = len(results) == len(commands) and all(result.exit_code == 0 for result in results)
    return Verified(
        passed=passed, commands=results, commit=commit, tests=list(found.tests), coverage=list(found.coverage)
    )


async def abandon(key: AttemptKey, sandbox: SandboxBackend) -> None:
    """End what a verification has started; what the sandbox cannot do now is done when the attempt is cleaned up."""
    with suppress(SandboxUnavailable, SandboxRefused):
        await sandbox.remove_workspace(workspace_of(key))


def workspace_of(key: AttemptKey) -> str:
    """Name of the workspace in which an attempt is verified."""
    return f"{key.workspace}.verify"


async def _checkout(key: AttemptKey, target: str, sandbox: SandboxBackend) -> tuple[str | None, datetime]:
    """The commit that is verified, and when its checkout was made."""
    known = await sandbox.find_workspace(target)
    if known is not None:
        # A run before a restart has made it: its commands may be running, and are not run twice.
        return known.base_commit, known.created_at
    made = await sandbox.checkout(key.workspace, target)
    return made.commit, made.workspace.created_at


async def _run(
    start: ProcessStart, command: str, deadline: float, sandbox: SandboxBackend, clock: Clock
) -> CommandResult:
    process_id = start.process_id or ""
    process = await sandbox.find(process_id) or await sandbox.start(start)
    while process.state is not ProcessState.ENDED:
        if clock.monotonic() > deadline + LONGEST_WAIT_MS / 1000:
            process = await sandbox.stop(process_id, 0) or process
            return await _result(command, process, sandbox)
        process = await sandbox.wait(process_id, LONGEST_WAIT_MS)
    if process.reason in ENDED_BY_SANDBOX:
        await sandbox.remove_workspace(start.workspace)
        raise SandboxUnavailable(f"`{command[:200]}` was lost: the sandbox was started anew while it ran")
    return await _result(command, process, sandbox)


async def _result(command: str, process: Process, sandbox: SandboxBackend) -> CommandResult:
    return CommandResult(
        command=command,
        exit_code=process.exit_code if process.state is ProcessState.ENDED else None,
        duration_ms=process.duration_ms,
        output_tail=await _tail(process, sandbox),
    )


async def _tail(process: Process, sandbox: SandboxBackend) -> str:
    text, begin = "", max(0, process.stdout_bytes + process.stderr_bytes - TAIL)
    with suppress(SandboxRefused):
        async with sandbox.output(process.process_id, begin) as records:
            async for record in records:
                if isinstance(record, OutputEnd):
                    break
                text = (text + record.text)[-TAIL:]
    return readable(from_a_word_on(text) if begin else text)

"""Starts the auditor as the worker would, against a recorder."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.mcp_recorder import Recorder

ENDED_WITHIN_S = 100.0


@dataclass(frozen=True)
class Ended:
    """How a run of the auditor ended."""

    exit_code: int
    lines: list[dict[str, Any]]
    """Its standard output."""
    errors: str


async def start_auditor(
    project: Path, recorder: Recorder, requirements: dict[str, Any], output: int = DEVNULL, **variables: str
) -> Process:
    """The auditor at work in `project`."""
    environment = {
        **os.environ,
        "MEWS_MCP_URL": recorder.url,
        "MEWS_MCP_TOKEN": recorder.token,
        "MEWS_TASK_ID": "task-1",
        "MEWS_PROMPT": "Audit the shop",
        "MEWS_REQUIREMENTS": json.dumps(requirements),
        **variables,
    }
    words = [sys.executable, "-P", "-m", "auditor", "run"]
    return await asyncio.create_subprocess_exec(*words, cwd=project, env=environment, stdout=output, stderr=output)


async def run_auditor(
    project: Path, recorder: Recorder, requirements: dict[str, Any] | None = None, **variables: str
) -> Ended:
    """Run it to its end. Whatever it sends must be what the tools take."""
    process = await start_auditor(project, recorder, requirements or {}, PIPE, **variables)
    try:
        output, errors = await asyncio.wait_for(process.communicate(), ENDED_WITHIN_S)
    finally:
        await end(process)
    assert recorder.rejected == []
    assert process.returncode is not None
    lines = [json.loads(line) for line in output.splitlines()]
    return Ended(process.returncode, lines, errors.decode())


async def end(process: Process) -> None:
    """Make sure that it is gone."""
    if process.returncode is None:
        process.kill()
    await process.wait()

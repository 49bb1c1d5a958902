"""Record what real coding agents write: `python -m tests.support.recording codex gemini …`; all, if none is named.

Each agent runs under a real worker-agent and sandbox, against a scripted model. Its standard output is written to
`tests/transcripts/<agent>/<case>.jsonl`, without what names the machine.
"""

import asyncio
import re
import sys
import tempfile
from json import loads
from pathlib import Path
from typing import Any

from tests.support.coding_agents import AGENTS, BIN, CodingAgent
from tests.support.model.script import Script, Turn
from tests.support.model.server import create_model
from tests.support.node import ROOT
from tests.support.other_side import OtherSide, declare, other_side
from tests.support.repositories import commit_all, new_repository
from tests.support.sandbox import SandboxServer, running_sandbox
from tests.support.serving import serving
from tests.support.stack import TestNats
from tests.support.worker_agent import worker_process
from worker_agent.domain import AttemptKey

TRANSCRIPTS = ROOT / "tests" / "transcripts"
RUN_S = 120
SANITISED = (
    (re.compile(r"/tmp/mews-sandbox-\w+"), "/sandbox"),
    (re.compile(r"-tmp-mews-sandbox-\w+?-"), "-sandbox-"),
    (re.compile(re.escape(str(ROOT))), "/checkout"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:4000"),
)


def cases(agent: CodingAgent) -> dict[str, list[Turn]]:
    """What is recorded of an agent, by name."""
    return {"work": agent.work(), "trouble": agent.trouble(), "refused": [Turn("no_such_tool")]}


async def record(agent: CodingAgent) -> None:
    """Record all cases of one agent."""
    agent.install()
    folder = Path(tempfile.mkdtemp(prefix="mews-recording-"))
    repository = new_repository(folder / "repository")
    (repository / "README.md").write_text("Greetings\n")
    commit_all(repository, "Begin")
    nats = TestNats(folder / "nats")
    nats.start()
    try:
        await declare(nats)
        with running_sandbox() as sandbox, worker_process(folder, nats, sandbox, AGENT_PATH=str(BIN)) as worker:
            await worker.ready()
            async with other_side(nats) as side:
                for case, turns in cases(agent).items():
                    exit_code = await _run(agent, case, turns, repository, side)
                    await _write(agent, case, sandbox)
                    print(f"{agent.name}/{case}: exit code {exit_code}")
    finally:
        nats.stop()


async def _run(agent: CodingAgent, case: str, turns: list[Turn], repository: Path, side: OtherSide) -> int | None:
    async with serving(create_model(Script(turns))) as url:
        requirements: dict[str, Any] = {"agent": agent.name, "model": agent.model, "env": agent.env(url)}
        await side.assign(f"task-{case}", repository=str(repository), **requirements)
        outcome = await side.outcome(f"task-{case}", RUN_S)
    return outcome.observed.exit_code


async def _write(agent: CodingAgent, case: str, sandbox: SandboxServer) -> None:
    process_id = AttemptKey(f"task-{case}", 1).agent
    async with sandbox.client() as client:
        path, asked = f"/v1/processes/{process_id}/output", {"stream": "stdout", "follow": "false"}
        records = [loads(line) for line in (await client.http.get(path, params=asked)).text.splitlines()]
    text = "".join(one["text"] for one in records if one["kind"] == "chunk")
    for pattern, replacement in SANITISED:
        text = pattern.sub(replacement, text)
    place = TRANSCRIPTS / agent.name / f"{case}.jsonl"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


async def main(names: list[str]) -> None:
    """Record the agents that are named."""
    for name in names or sorted(AGENTS):
        await record(AGENTS[name])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

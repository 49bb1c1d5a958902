"""The manager: a client of the gateway that tries again until it is answered, and writes down what it was told."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.chaos.errands import HANG_MS, Behaviour, Errand
from tests.chaos.moments import wall

ERA = "2025-06-18"
AGENT = Path(__file__).with_name("agent.py")
CALL_S = 20.0
PAUSE_S = 0.3
LOOK_EVERY_S = 0.4
MOST_CONNECTIONS = 20
PAGE = 200


class Refused(Exception):
    """The gateway answered, and did not do it."""


@dataclass
class Told:
    """What the gateway has acknowledged: the manager's own journal."""

    assigned: dict[str, str] = field(default_factory=dict[str, str])
    """Idempotency key to task."""
    assigned_at: dict[str, float] = field(default_factory=dict[str, float])
    cancelled_at: dict[str, float] = field(default_factory=dict[str, float])
    """Task to the moment at which its cancellation was acknowledged."""
    tried: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Question to the answers that were sent."""
    answered: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Question to the answers that were acknowledged."""
    retries: int = 0
    refusals: list[str] = field(default_factory=list[str])


class Gateway:
    """Single tool calls, without any retry."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.AsyncClient(
            timeout=CALL_S, trust_env=False, limits=httpx.Limits(max_connections=MOST_CONNECTIONS)
        )

    async def close(self) -> None:
        """Leave nothing open."""
        await self._http.aclose()

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured answer. Raises Refused, and httpx.HTTPError where nobody knows."""
        params = {"name": tool, "arguments": arguments}
        answer = await self._http.post(
            self._url,
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
            headers={"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": ERA},
        )
        answer.raise_for_status()
        result = _result(answer)
        if result.get("isError"):
            raise Refused(" ".join(part.get("text", "") for part in result.get("content", [])))
        return result["structuredContent"]


class Manager:
    """Assigns, cancels and answers, until told to stop."""

    def __init__(self, gateway: Gateway, journal: Path) -> None:
        self._gateway = gateway
        self._journal = journal
        self.told = Told()

    async def assign_all(self, errands: Sequence[Errand]) -> None:
        """Assign each at its time, and cancel those that are to be; returns when all of it is acknowledged."""
        begun = time.monotonic()
        await asyncio.gather(*(self._assign(begun, errand) for errand in errands))

    async def answer_all(self) -> None:
        """Answer every question that is open; runs until cancelled."""
        busy: set[str] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                for question in await self._open_questions():
                    if question not in busy:
                        busy.add(question)
                        group.create_task(self._answer(question, busy))
                await asyncio.sleep(LOOK_EVERY_S)

    async def _assign(self, begun: float, errand: Errand) -> None:
        await asyncio.sleep(max(0.0, begun + errand.at_s - time.monotonic()))
        told = await self._insist(
            "assign_task",
            description=f"{errand.behaviour} {errand.key}",
            requirements=_requirements(errand, self._journal),
            max_attempts=errand.max_attempts,
            idempotency_key=errand.key,
        )
        task_id = told["task_id"]
        self.told.assigned[errand.key] = task_id
        self.told.assigned_at[task_id] = wall()
        if errand.cancel_after_s is not None:
            await asyncio.sleep(errand.cancel_after_s)
            await self._insist("cancel_task", task_id=task_id, reason="chaos")
            self.told.cancelled_at[task_id] = wall()

    async def _answer(self, question: str, busy: set[str]) -> None:
        """Two managers at once: one of them is first."""
        try:
            await asyncio.gather(self._answer_once(question), self._answer_once(question))
        finally:
            # Nobody may know whether it is answered: it is found again while it is open.
            busy.discard(question)

    async def _answer_once(self, question: str) -> None:
        text = f"a-{uuid4().hex[:12]}"
        self.told.tried.setdefault(question, []).append(text)
        try:
            await self._gateway.call("answer_worker_question", question_id=question, answer=text)
        except (httpx.HTTPError, Refused, ValueError):
            self.told.retries += 1
        else:
            self.told.answered.setdefault(question, []).append(text)

    async def _open_questions(self) -> list[str]:
        try:
            found = await self._gateway.call("list_questions", limit=PAGE)
        except (httpx.HTTPError, Refused, ValueError):
            self.told.retries += 1
            return []
        return [question["question_id"] for question in found["questions"]]

    async def _insist(self, tool: str, **arguments: Any) -> dict[str, Any]:
        while True:
            try:
                return await self._gateway.call(tool, **arguments)
            except (httpx.HTTPError, Refused, ValueError) as error:
                self.told.retries += 1
                if isinstance(error, Refused):
                    self.told.refusals.append(f"{tool}: {error}"[:300])
            await asyncio.sleep(PAUSE_S)


def _requirements(errand: Errand, journal: Path) -> dict[str, Any]:
    told = json.dumps(errand.for_agent(str(journal)))
    command = [sys.executable, "-I", "-S", str(AGENT), told]
    limits = {"run_ms": HANG_MS} if errand.behaviour is Behaviour.hanger else {}
    return {"agent": "command", "command": command, "limits": limits}


def _result(answer: httpx.Response) -> dict[str, Any]:
    text = answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        lines = [line[5:] for line in text.splitlines() if line.startswith("data:") and '"id"' in line]
        if not lines:
            raise ValueError("the stream ended without an answer")
        text = lines[-1]
    said = json.loads(text)
    if "result" not in said:
        raise Refused(json.dumps(said.get("error")))
    return said["result"]

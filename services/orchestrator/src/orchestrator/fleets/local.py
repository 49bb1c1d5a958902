"""Processes of this machine, by the socket of `mews up`: a line of JSON asks, a line answers."""

import asyncio
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from orchestrator.domain import FleetLook, Instance
from orchestrator.errors import FleetAway, FleetRefused

ANSWER_WITHIN_S = 15.0
INSTANCES = TypeAdapter(list[Instance])


class LocalFleet:
    """The workers that `mews up` keeps running; their number is its own."""

    def __init__(self, socket: str) -> None:
        self._socket = socket

    async def look(self) -> FleetLook:
        """The workers, and the process of each."""
        answer = await self._ask({"ask": "workers"})
        try:
            found = INSTANCES.validate_python(answer["workers"])
        except (KeyError, ValidationError) as error:
            raise FleetAway(f"the supervisor at {self._socket} answers what is not understood") from error
        return FleetLook(len(found), None, found)

    async def end(self, instance: Instance) -> None:
        """End this very process; the supervisor starts it anew."""
        await self._ask({"ask": "restart", "worker_id": instance.worker_id, "instance": instance.instance})

    async def scale(self, replicas: int, version: str) -> None:
        """Raise FleetRefused: the size was chosen when the system was started."""
        raise FleetRefused(f"this machine's fleet cannot be scaled to {replicas}: `mews up --workers` says its size")

    async def close(self) -> None:
        """Each question has a connection of its own."""

    async def _ask(self, question: dict[str, str]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                line = await self._exchange(orjson.dumps(question) + b"\n")
            answer = orjson.loads(line)
        except (OSError, TimeoutError, orjson.JSONDecodeError) as error:
            reason = str(error) or type(error).__name__
            raise FleetAway(f"the supervisor does not answer at {self._socket}: {reason}") from error
        if "error" in answer:
            raise FleetAway(f"the supervisor at {self._socket} refuses: {answer['error']}")
        return answer

    async def _exchange(self, line: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        try:
            writer.write(line)
            await writer.drain()
            return await reader.readline()
        finally:
            writer.close()

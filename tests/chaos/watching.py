"""Looks, all the time, at what each service says of its readiness."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from tests.chaos.moments import wall

EVERY_S = 1.0
ANSWER_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Look:
    """One look at `/readyz`. `status` is None where there was no answer; `failing` are the checks that fail."""

    service: str
    begun_at: float
    ended_at: float
    status: int | None
    failing: frozenset[str] = frozenset()


class Watch:
    """Keeps all looks; `addresses` are those of the services by name."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self.looks: list[Look] = []

    async def run(self) -> None:
        """Look until cancelled."""
        async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S) as http:
            await asyncio.gather(*(self._watch(http, name, url) for name, url in self._addresses.items()))

    async def _watch(self, http: httpx.AsyncClient, name: str, url: str) -> None:
        while True:
            begun_at = wall()
            status, failing = await _ask(http, url)
            self.looks.append(Look(name, begun_at, wall(), status, failing))
            await asyncio.sleep(EVERY_S)


async def _ask(http: httpx.AsyncClient, url: str) -> tuple[int | None, frozenset[str]]:
    try:
        answer = await http.get(f"{url}/readyz")
    except httpx.TransportError:
        return None, frozenset()
    checks: dict[str, str] = answer.json()["checks"]
    return answer.status_code, frozenset(name for name, said in checks.items() if said != "ok")

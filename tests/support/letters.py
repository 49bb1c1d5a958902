"""A service of nothing but servicekit's dead letters, over real PostgreSQL."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from contracts.batches import EVENT_BATCH, Batch
from contracts.events import Event
from contracts.streams import TELEMETRY
from servicekit.bus import BatchConsumer, Bus, DeadLetters
from servicekit.clock import SystemClock
from servicekit.deadletters import DeadLetterDesk
from servicekit.health import Readiness
from servicekit.http import create_http_app, dead_letters_router
from servicekit.pg import Database as Pg
from tests.support.buskit import NOW, connected, settings_of
from tests.support.consuming import DURABLE, QUICK, Handler
from tests.support.serving import serving
from tests.support.stack import Database

SERVICE = "kit-test"


@dataclass
class Kit:
    """A service of nothing but a consumer and its dead letters."""

    db: Pg
    letters: DeadLetters
    desk: DeadLetterDesk
    http: httpx.AsyncClient
    url: str

    async def listed(self, **params: str) -> list[dict[str, object]]:
        """Its letters, newest first."""
        answer = await self.http.get("/v1/dead-letters", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    async def settle(self, action: str, *ids: str, **more: str) -> list[tuple[str, str]]:
        """Outcome and detail of each."""
        answer = await self.http.post(f"/v1/dead-letters/{action}", json={"ids": ids, "by": "ann", **more})
        assert answer.status_code == 200, answer.text
        return [(item["outcome"], item.get("detail", "")) for item in answer.json()["items"]]


@asynccontextmanager
async def kit(database: Database, service: str = SERVICE) -> AsyncGenerator[Kit]:
    """The service, with the tables of servicekit."""
    async with connected(database) as db:
        settings = settings_of(database)
        letters = DeadLetters(db.pool, service)
        desk = DeadLetterDesk(db, letters, SystemClock())
        app = create_http_app(
            service=service, settings=settings, routers=[dead_letters_router], readiness=Readiness(SystemClock())
        )
        app.state.dead_letters = desk
        async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=10) as http:
            yield Kit(db, letters, desk, http, url)


def consumer_of(bus: Bus, kit: Kit, handler: Handler) -> BatchConsumer[Batch[Event]]:
    """A consumer whose dead letters the kit has."""
    return BatchConsumer(bus, TELEMETRY, DURABLE, EVENT_BATCH, handler, kit.letters, policy=QUICK)


def offline_consumer(database: Database, kit: Kit, handler: Handler) -> None:
    """A consumer that hears nothing from the bus: enough to process what was put aside."""
    consumer_of(Bus(settings_of(database), "offline"), kit, handler)


async def put_aside(kit: Kit, payload: bytes, number: int = 1, **more: object) -> str:
    """Put a message aside, as a consumer would; its id."""
    given = {"delivery": f"{DURABLE}:{number}:1767323045000000000", "durable": DURABLE} | more
    await kit.letters.record(TELEMETRY, "worker.progress.w1", payload, "for the test", {"h": "v"}, NOW, **given)  # type: ignore[arg-type]
    newest = await kit.listed(limit="1")
    return str(newest[0]["id"])

"""Watch a task's live tail for somebody who only wants to know that something came."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from mcp_gateway.errors import GatewayError
from mcp_gateway.ports import Telemetry

PAUSE_S = 1.0
# What came between the request and the open tail would be missed otherwise.
BEGINNING = "0-0"


async def watch_tail(task_id: str, telemetry: Telemetry, on_news: Callable[[], None]) -> None:
    """Call `on_news` for every entry, those that are kept already too, until cancelled."""
    last_id = BEGINNING
    while True:
        try:
            async with aclosing(telemetry.live(task_id, (), last_id)) as live:
                async for found in live:
                    last_id = found.entry_id or last_id
                    on_news()
        except GatewayError:
            # It is away; what comes meanwhile is seen after `last_id` when it is back.
            pass
        await asyncio.sleep(PAUSE_S)

"""What arrives on the bus: the news of the services, for clients that listen to resources."""

import asyncio

from nats.aio.msg import Msg
from pydantic import ValidationError

from contracts.batches import DECIDED_BATCH
from contracts.streams import EVENTS, STREAMS
from mcp_gateway.decisions.news import changed_by
from mcp_gateway.ports import Listeners
from servicekit.bus import Bus
from servicekit.logs import get_logger
from servicekit.settings import ServiceSettings

SUBJECTS = next(stream.subjects for stream in STREAMS if stream.name == EVENTS)

log = get_logger(__name__)


async def hear_news(settings: ServiceSettings, name: str, listeners: Listeners) -> None:
    """Tell `listeners` what changes, until cancelled. The broker may be away at the start, and at any time."""
    bus = await Bus.connect(settings, name)
    try:
        await subscribe(bus, listeners)
        await asyncio.Event().wait()
    finally:
        await bus.close()


async def subscribe(bus: Bus, listeners: Listeners) -> None:
    """Hear the news as they pass: stored messages go by plain subscribers too, and nobody has to keep a place."""

    async def on_news(message: Msg) -> None:
        try:
            events = DECIDED_BATCH.validate_json(message.data).events
        except ValidationError as error:
            log.warning("news.not_understood", subject=message.subject, error=str(error))
            return listeners.all_may_have_changed()
        return listeners.changed({uri for event in events for uri in changed_by(event)})

    async def on_back() -> None:
        # What was said until the broker has our subscriptions again is missed.
        await bus.flush()
        listeners.all_may_have_changed()

    for subject in SUBJECTS:
        await bus.subscribe_core(subject, on_news)
    bus.on_reconnect(on_back)
    # It may have come before we asked to be told.
    bus.refresh()

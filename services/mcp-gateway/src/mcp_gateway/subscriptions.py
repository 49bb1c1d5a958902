"""What arrives on the bus: the decisions of the services, for clients that listen and for the audit log."""

import asyncio
from collections.abc import Sequence

from nats.aio.msg import Msg
from pydantic import ValidationError

from contracts.batches import DECIDED_BATCH, Batch
from contracts.decided import DecidedEvent
from contracts.streams import EVENTS, STREAMS
from mcp_gateway.decisions.audit.describing import entries_of
from mcp_gateway.decisions.news import changed_by
from mcp_gateway.handlers.audit.counting import DECISIONS
from mcp_gateway.ports import AuditDecisions, Listeners
from servicekit.bus import BatchConsumer, Bus, DeadLetterSink, Received, keep_declared
from servicekit.logs import get_logger
from servicekit.settings import ServiceSettings

AUDIT_CONSUMER = "mcp-gateway-audit"
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


async def audit_decisions(
    settings: ServiceSettings, name: str, log_of: AuditDecisions, dead_letters: DeadLetterSink
) -> None:
    """Append what the services decide to the audit log, each decision once, until cancelled."""
    bus = await Bus.connect(settings, name)

    async def take(received: Sequence[Received[Batch[DecidedEvent]]]) -> None:
        DECISIONS.inc(await log_of.take(AUDIT_CONSUMER, received, entries_of))

    try:
        await keep_declared(bus, settings)
        await BatchConsumer(bus, EVENTS, AUDIT_CONSUMER, DECIDED_BATCH, take, dead_letters).run()
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

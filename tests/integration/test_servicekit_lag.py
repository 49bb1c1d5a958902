"""How far a durable is behind is asked of the broker by the service whose it is, and by nobody else."""

import asyncio

from contracts.streams import TELEMETRY
from servicekit.bus import Bus, declare_streams
from servicekit.bus.lag import measure_lag, watch_lag
from tests.support.buskit import a_bus, batch, connected, running, settings_of
from tests.support.consuming import DURABLE, Handler, consumer, publish, settled
from tests.support.samples import Counted, sample
from tests.support.stack import Database, TestNats
from tests.support.waiting import PATIENCE_S, eventually

OF_IT = {"stream": TELEMETRY, "durable": DURABLE}


async def test_messages_that_wait_and_those_in_hand_are_shown_while_the_durable_is_watched(
    database: Database, nats_server: TestNats
) -> None:
    bus = await Bus.connect(settings_of(nats_server), DURABLE)
    async with connected(database) as db:
        await declare_streams(bus.js)
        await publish(bus, *(batch(n) for n in range(1, 4)))
        async with running(watch_lag(bus, TELEMETRY, DURABLE, every_s=0.02)):
            await eventually(lambda: sample("mews_bus_consumer_pending", **OF_IT) == 3)
            handler, counted = Handler(db), Counted()
            handler.gate.clear()
            async with running(consumer(bus, db, handler).run()):
                await eventually(lambda: sample("mews_bus_consumer_ack_pending", **OF_IT) == 3)
                assert sample("mews_bus_consumer_pending", **OF_IT) == 0
                handler.gate.set()
                await eventually(lambda: settled(bus))
            assert counted("mews_bus_delay_seconds_count", durable=DURABLE) >= 1
        await eventually(lambda: sample("mews_bus_consumer_pending", **OF_IT) is None)
    await bus.close()


async def test_who_may_not_ask_does_not(nats_server: TestNats) -> None:
    of_others = sample("mews_bus_consumer_pending", **OF_IT)
    async with a_bus(nats_server) as worker:
        async with asyncio.timeout(PATIENCE_S):
            await watch_lag(worker, TELEMETRY, DURABLE)
        assert sample("mews_bus_consumer_pending", **OF_IT) == of_others


async def test_a_broker_that_is_away_leaves_the_last_word(nats_server: TestNats) -> None:
    bus = await Bus.connect(settings_of(nats_server), DURABLE)
    nats_server.stop()
    await eventually(lambda: not bus.connected)
    await measure_lag(bus, TELEMETRY, DURABLE)
    await bus.close()

"""What tracing costs where it is off, beside doing nothing, and where it is on: `python -m tests.load.traces`."""

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import process_time

from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from servicekit.bus import Received
from servicekit.bus.tracing import processing
from servicekit.traces import record, reserve, span
from servicekit.traces.making import SpanMaker
from servicekit.traces.spans import install
from tests.support.examples import NOW

TIMES, ROUNDS = 20_000, 5
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ATTRIBUTES = {"mews.task.id": "task-1", "mews.task.attempt": 1}
UNTRACED = [Received(1, Msg(Client(), "worker.progress.w1", "", b"", {"Nats-Msg-Id": "a.1"})) for _ in range(10)]


class Nowhere(SpanExporter):
    """Takes all."""

    def export(self, spans: object) -> SpanExportResult:
        """Do nothing."""
        return SpanExportResult.SUCCESS


@contextmanager
def nothing(*_: object) -> Generator[None]:
    """What a span is compared with."""
    yield


def bare() -> None:
    with nothing("work", ATTRIBUTES):
        pass


def spans() -> None:
    with span("work", attributes=ATTRIBUTES):
        pass


def records() -> None:
    record("work", NOW, NOW, parent=reserve(TRACEPARENT), attributes=ATTRIBUTES)


def gatherings() -> None:
    with processing("TELEMETRY", "ingest", UNTRACED):
        pass


def microseconds(work: Callable[[], None]) -> float:
    """Of CPU time, the exporter's thread included: the best of some rounds, for one call."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = process_time()
        for _ in range(TIMES):
            work()
        best = min(best, process_time() - start)
    return best / TIMES * 1e6


async def main() -> None:
    logging.disable()
    works = {"nothing": bare, "span": spans, "reserve and record": records, "gathering of 10": gatherings}
    off = {name: microseconds(work) for name, work in works.items()}
    maker = SpanMaker("load", 1.0, Nowhere())
    install(maker)
    on = {name: microseconds(work) for name, work in works.items()}
    install(None)
    maker.provider.shutdown()
    for name in works:
        print(
            f"{name:20} off {off[name]:7.2f} µs ({off[name] / off['nothing']:5.1f} x nothing)   on {on[name]:7.2f} µs"
        )


if __name__ == "__main__":
    asyncio.run(main())

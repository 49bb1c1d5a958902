"""A collector of spans: a real OTLP/HTTP receiver on loopback, on a thread of its own, and what it has received."""

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.spans import SPANS, SpanSpec
from servicekit.traces.making import SpanMaker
from servicekit.traces.spans import install

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
"""Variables with which a process sends its spans soon."""


@dataclass(frozen=True)
class Received:
    """A span; links are pairs of trace and span."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    links: frozenset[tuple[str, str]]
    failed: bool
    texts: str
    """Whatever it says beside its attributes: events, and the description of its status."""
    seconds: float

    @property
    def place(self) -> tuple[str, str]:
        """Trace and span."""
        return self.trace_id, self.span_id

    @property
    def spec(self) -> SpanSpec | None:
        """Its line in the span model."""
        return next((spec for spec in SPANS if _fits(spec, self)), None)


@dataclass
class Collector:
    """What was received, and where."""

    endpoint: str = ""
    spans: list[Received] = field(default_factory=list[Received])

    @property
    def variables(self) -> dict[str, str]:
        """By which a process finds it."""
        return SOON | {"OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint}

    def of(self, name: str, **about: Any) -> list[Received]:
        """The spans of a name, as `re.fullmatch` has it, with these attributes (`_` for dots: `mews_task_id`)."""
        return [one for one in self.spans if re.fullmatch(name, one.name) and _has(one, about)]

    def of_trace(self, trace_id: str, name: str = ".*") -> list[Received]:
        """Those of one trace, all or of a name."""
        return [one for one in self.of(name) if one.trace_id == trace_id]

    async def receive(self, request: Request) -> Response:
        """Take what an exporter sends."""
        asked = ExportTraceServiceRequest()
        asked.ParseFromString(await request.body())
        for resource in asked.resource_spans:
            service = _values(resource.resource.attributes)["service.name"]
            self.spans += [_received(service, one) for scope in resource.scope_spans for one in scope.spans]
        return Response(media_type="application/x-protobuf")


@contextmanager
def collecting() -> Generator[Collector]:
    """A collector that listens; it is gone afterwards."""
    collector = Collector()
    app = Starlette(routes=[Route("/v1/traces", collector.receive, methods=["POST"])])
    config = uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_config=None, ws="none")
    server, socket = uvicorn.Server(config), config.bind_socket()
    collector.endpoint = f"http://127.0.0.1:{socket.getsockname()[1]}"
    running = Thread(target=server.run, args=([socket],))
    running.start()
    try:
        yield collector
    finally:
        server.should_exit = True
        running.join()
        socket.close()


@contextmanager
def tracing(share: float = 1.0) -> Generator[InMemorySpanExporter]:
    """Spans of this process are made, and kept in memory, while the block runs."""
    exporter = InMemorySpanExporter()
    install(SpanMaker("test", share, exporter, SimpleSpanProcessor))
    try:
        yield exporter
    finally:
        install(None)


def orphans(spans: Iterable[Received]) -> list[Received]:
    """Those whose parent is not among them, the first of a trace left out."""
    known = {one.place for one in spans}
    return [one for one in spans if one.parent_id and (one.trace_id, one.parent_id) not in known]


def _received(service: str, sent: SentSpan) -> Received:
    return Received(
        service=service,
        name=sent.name,
        kind=SentSpan.SpanKind.Name(sent.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=sent.trace_id.hex(),
        span_id=sent.span_id.hex(),
        parent_id=sent.parent_span_id.hex(),
        attributes=_values(sent.attributes),
        links=frozenset((link.trace_id.hex(), link.span_id.hex()) for link in sent.links),
        failed=sent.status.code == Status.STATUS_CODE_ERROR,
        texts=sent.status.message + "".join(str(event) for event in sent.events),
        seconds=(sent.end_time_unix_nano - sent.start_time_unix_nano) / 1e9,
    )


def _values(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind) if kind is not None else None


def _has(span: Received, about: dict[str, Any]) -> bool:
    given = {name.replace(".", "_"): value for name, value in span.attributes.items()}
    return all(given.get(name) == value for name, value in about.items())


def _fits(spec: SpanSpec, span: Received) -> bool:
    pattern = re.sub(r"\\\{[^}]+\\\}", ".+", re.escape(spec.name).replace(r"\ ", " "))
    # A request to no route has its method for a name.
    is_named = re.fullmatch(pattern, span.name) is not None or (span.name.isupper() and spec is SPANS[0])
    return is_named and span.kind in spec.kind.split(" or ") and set(span.attributes) <= set(spec.attributes)

"""What the tests of spans have in common."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.spans import tracing


@pytest.fixture
def made() -> Iterator[InMemorySpanExporter]:
    """The spans that are made during the test."""
    with tracing() as exporter:
        yield exporter

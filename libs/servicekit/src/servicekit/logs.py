"""Structured logs on standard error: one JSON object a line, or lines for a person."""

import logging
import sys
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any, TextIO

import orjson
import structlog
from opentelemetry import trace
from structlog.typing import FilteringBoundLogger, Processor, WrappedLogger

from servicekit.settings import ServiceSettings

Logger = FilteringBoundLogger
EventDict = MutableMapping[str, Any]

# They tell every request, or every reconnect several times, at a level at which a service tells what matters.
QUIET = {
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "uvicorn": logging.WARNING,
    "nats": logging.CRITICAL,
    "opentelemetry": logging.CRITICAL,
}


def configure_logging(
    service: str,
    settings: ServiceSettings,
    stream: TextIO | None = None,
    scrub: Callable[[str], str] | None = None,
) -> None:
    """Send all logs, also those of libraries, through one pipeline to `stream` (standard error if not given).

    `scrub` gets every line before it is written, and returns it without what must not be in a log.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.stdlib.add_logger_name,
        _Named(service),
        _add_trace,
        structlog.processors.StackInfoRenderer(),
    ]
    ending = _ending(settings)
    if scrub is not None:
        ending.append(_Scrubbed(scrub))
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=partial(_writer, stream),
        cache_logger_on_first_use=False,
    )
    _configure_stdlib(level, shared, ending, stream)


def get_logger(name: str) -> Logger:
    """A logger that names itself; it may be made before logging is configured."""
    return structlog.get_logger(name)


class _Writer(structlog.WriteLogger):
    """Writes to a stream, and has a name."""

    def __init__(self, name: str, stream: TextIO) -> None:
        super().__init__(stream)
        self.name = name


def _writer(stream: TextIO | None, name: str = "") -> _Writer:
    # Looked up each time, for tests and others who replace standard error.
    return _Writer(name, stream or sys.stderr)


class _Named:
    """Adds the service's name."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", self._service)
        return event


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
    return event


class _Scrubbed:
    """Cleans a line that is ready to be written."""

    def __init__(self, scrub: Callable[[str], str]) -> None:
        self._scrub = scrub

    def __call__(self, _logger: WrappedLogger, _method: str, line: Any) -> str:
        return self._scrub(line)


def _ending(settings: ServiceSettings) -> list[Processor]:
    if settings.log_format == "console":
        # The prettier formatters print local variables, and with them secrets.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_to_json)]


def _to_json(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode(errors="replace")


def _configure_stdlib(level: int, shared: list[Processor], ending: list[Processor], stream: TextIO | None) -> None:
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(max(level, quiet))

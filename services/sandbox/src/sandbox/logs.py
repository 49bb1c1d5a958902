"""Logs: one line of JSON for each record, on standard error."""

import logging
import sys
from typing import Any

import orjson

from sandbox.clock import from_ms

FIELDS = "fields"


class JsonFormatter(logging.Formatter):
    """Turns a record into one line of JSON; what is in its `fields` stands beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its end."""
        line: dict[str, Any] = {
            "at": from_ms(int(record.created * 1000)).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure(level: str) -> None:
    """Send everything from this level up to standard error, as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def fields(**values: Any) -> dict[str, Any]:
    """What to pass as `extra` so that these values stand in the line."""
    return {FIELDS: values}

"""Why a handler failed: because of what the message says, or because of the world around it."""

import re
from collections.abc import Mapping
from typing import Any

import asyncpg
import nats.errors
import pydantic

from servicekit import pg

# What PostgreSQL says about the values it was given.
ABOUT_DATA = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.RaiseError,
)
# Never about one message: privileges, missing tables, a server that is read-only, full, stopping or too busy.
ABOUT_THE_WORLD = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    nats.errors.Error,
)
DRIVERS = {"redis", "httpx", "httpcore"}
POOL_ERRORS = {"TimeoutError", "DisconnectionError", "ResourceClosedError"}
REASON_LENGTH = 2_000
SHOWN_ERRORS = 5
# As contracts name them, and where: `events`, the place of the event, `kind`.
DEPTH_OF_KIND = 3
KIND = re.compile(r"[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63})?")


def is_infrastructure(error: BaseException) -> bool:
    """Whether the same messages may pass later. An unknown exception of a handler counts as one about its messages."""
    cause = _database_error(error)
    if isinstance(cause, ABOUT_DATA):
        return False
    if pg.is_transient(cause) or isinstance(cause, ABOUT_THE_WORLD) or _is_of_a_driver(type(cause)):
        return True
    return getattr(cause, "category", None) == "unavailable"


def is_of_unknown_kind(error: BaseException) -> bool:
    """Whether a message has nothing wrong with it but kinds that are not known here: a newer version may say them."""
    if not isinstance(error, pydantic.ValidationError):
        return False
    return all(KIND.fullmatch(_unknown_kind(detail)) for detail in error.errors(include_url=False))


def reason_of(error: BaseException) -> str:
    """One line for the dead-letter table; a validation error names the fields and leaves the values out."""
    if isinstance(error, pydantic.ValidationError):
        shown = [f"{'.'.join(map(str, e['loc'])) or 'message'}: {e['msg']}" for e in error.errors(include_input=False)]
        more = f"; and {len(shown) - SHOWN_ERRORS} more" if len(shown) > SHOWN_ERRORS else ""
        text = "; ".join(shown[:SHOWN_ERRORS]) + more
    else:
        text = f"{type(error).__name__}: {error}"
    return text[:REASON_LENGTH]


def _unknown_kind(detail: Mapping[str, Any]) -> str:
    """The kind that is all that is wrong here; empty where something else is."""
    if len(detail["loc"]) > DEPTH_OF_KIND:
        return ""
    if detail["type"] == "union_tag_invalid":
        return str(detail.get("ctx", {}).get("tag"))
    return str(detail["input"]) if detail["type"] == "enum" and detail["loc"][-1] == "kind" else ""


def _is_of_a_driver(kind: type[BaseException]) -> bool:
    """Told by name, since a process that does not use a driver should not load it."""
    if kind.__module__ == "sqlalchemy.exc":
        return kind.__name__ in POOL_ERRORS
    return kind.__module__.split(".")[0] in DRIVERS


def _database_error(error: BaseException) -> BaseException:
    """The driver's own exception below SQLAlchemy's, if that is what it is."""
    original = getattr(error, "orig", None)
    if not isinstance(original, BaseException):
        return error
    return original.__cause__ or original

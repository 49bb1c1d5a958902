import asyncpg
import httpx
import nats.errors
import pydantic
import pytest
import redis.exceptions
import sqlalchemy.exc

from contracts.batches import DECIDED_BATCH, EVENT_BATCH, Batch
from servicekit.bus.failures import REASON_LENGTH, is_infrastructure, is_of_unknown_kind, reason_of

BATCH = b'{"producer":"p","batch":1,"events":[%b]}'
DECIDED = (
    b'{"kind":"%b","event_id":"01890000-0000-7000-8000-000000000000","occurred_at":"2026-01-02T03:04:05Z","attempt":%b}'
)


class UnavailableError(Exception):
    category = "unavailable"


class InvalidError(Exception):
    category = "invalid"


def wrapped(cause: Exception) -> Exception:
    """As SQLAlchemy's asyncpg dialect raises a driver's error."""
    adapted = Exception("adapted")
    adapted.__cause__ = cause
    return sqlalchemy.exc.DBAPIError("SELECT 1", None, adapted)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        asyncpg.ConnectionDoesNotExistError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 15"),
        asyncpg.QueryCanceledError(),
        asyncpg.DeadlockDetectedError(),
        asyncpg.DiskFullError(),
        asyncpg.UndefinedTableError(),
        asyncpg.InsufficientPrivilegeError(),
        asyncpg.ReadOnlySQLTransactionError(),
        nats.errors.TimeoutError(),
        redis.exceptions.ConnectionError(),
        httpx.ConnectError("refused"),
        sqlalchemy.exc.TimeoutError("the pool is empty"),
        wrapped(asyncpg.AdminShutdownError()),
        UnavailableError(),
    ],
    ids=repr,
)
def test_failures_of_the_world_are_never_held_against_a_message(error: Exception) -> None:
    assert is_infrastructure(error)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UntranslatableCharacterError(),
        asyncpg.NumericValueOutOfRangeError(),
        asyncpg.UniqueViolationError(),
        asyncpg.NotNullViolationError(),
        asyncpg.ProgramLimitExceededError("index row too large"),
        asyncpg.RaiseError(),
        wrapped(asyncpg.CheckViolationError()),
        sqlalchemy.exc.NoResultFound(),
        ValueError("naive datetime"),
        KeyError("task"),
        InvalidError(),
    ],
    ids=repr,
)
def test_failures_of_the_data_are(error: Exception) -> None:
    assert not is_infrastructure(error)


def test_a_reason_names_the_fields_and_not_their_values() -> None:
    with pytest.raises(ValueError, match="validation error") as invalid:
        EVENT_BATCH.validate_json(b'{"producer":"p","batch":"secret","events":[]}')
    reason = reason_of(invalid.value)
    assert "batch: Input should be a valid integer" in reason
    assert "events: List should have at least 1 item" in reason
    assert "secret" not in reason


def test_a_reason_of_many_errors_is_cut() -> None:
    with pytest.raises(ValueError, match="validation error") as invalid:
        EVENT_BATCH.validate_json(b'{"producer":"p","batch":1,"events":[%b]}' % b",".join([b'{"kind":"plan"}'] * 50))
    assert "more" in reason_of(invalid.value)
    assert len(reason_of(invalid.value)) <= REASON_LENGTH
    assert len(reason_of(ValueError("x" * 10_000))) == REASON_LENGTH


@pytest.mark.parametrize(
    ("adapter", "events", "is_newer"),
    [
        (EVENT_BATCH, b'{"kind":"vision"}', True),
        (EVENT_BATCH, b'{"kind":"vision"},{"kind":"sound"}', True),
        (EVENT_BATCH, b'{"kind":"vision"},{"kind":"plan"}', False),
        (EVENT_BATCH, b'{"kind":"' + b"x" * 200 + b'"}', False),
        (EVENT_BATCH, b'{"kind":"Not A Kind"}', False),
        (EVENT_BATCH, b'{"kind":5}', False),
        (EVENT_BATCH, b"{}", False),
        (DECIDED_BATCH, DECIDED % (b"task.dreamt", b"1"), True),
        (DECIDED_BATCH, DECIDED % (b"task.dreamt", b'"x"'), False),
    ],
)
def test_what_has_nothing_wrong_with_it_but_kinds_may_come_from_a_newer_version(
    adapter: pydantic.TypeAdapter[Batch[object]], events: bytes, is_newer: bool
) -> None:
    with pytest.raises(pydantic.ValidationError) as invalid:
        adapter.validate_json(BATCH % events)
    assert is_of_unknown_kind(invalid.value) is is_newer


def test_what_is_no_message_at_all_comes_from_no_version() -> None:
    with pytest.raises(pydantic.ValidationError) as invalid:
        EVENT_BATCH.validate_json(b"")
    assert not is_of_unknown_kind(invalid.value)
    assert not is_of_unknown_kind(ValueError("kind"))

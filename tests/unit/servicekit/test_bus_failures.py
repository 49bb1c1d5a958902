import asyncpg
import httpx
import nats.errors
import pytest
import redis.exceptions
import sqlalchemy.exc

from contracts.batches import EVENT_BATCH
from servicekit.bus.failures import REASON_LENGTH, is_infrastructure, reason_of


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

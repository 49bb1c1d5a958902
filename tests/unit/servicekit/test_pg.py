import asyncpg
import pytest

from servicekit.pg import is_transient


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (ConnectionRefusedError(), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.InterfaceError("cannot perform operation: another operation is in progress"), False),
        (asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"), True),
        (asyncpg.InternalClientError("unexpected number of columns"), False),
        (asyncpg.UniqueViolationError("duplicate"), False),
    ],
)
def test_what_a_lost_connection_raises_may_be_tried_again(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient

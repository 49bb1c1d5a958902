"""Leadership: a lease by the database's clock, with an epoch that fences off whoever still believes to lead."""

import secrets
from dataclasses import dataclass

from servicekit.clock import Clock, SystemClock
from servicekit.ddl import Operations, execute_all
from servicekit.pg import Connection, Database

LEADER_DDL = (
    """
    CREATE TABLE leader_lease (
        name text PRIMARY KEY,
        holder text NOT NULL,
        epoch bigint NOT NULL,
        expires_at timestamptz NOT NULL
    ) WITH (fillfactor = 10)
    """,
)
# A holder that comes back after its lease has run out gets a new epoch: it may have missed another's reign.
TAKE = """
    INSERT INTO leader_lease AS l (name, holder, epoch, expires_at)
    VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
    ON CONFLICT (name) DO UPDATE SET
        epoch = l.epoch + CASE WHEN l.holder = excluded.holder AND l.expires_at > clock_timestamp() THEN 0 ELSE 1 END,
        holder = excluded.holder,
        expires_at = clock_timestamp() + make_interval(secs => $3)
    WHERE l.holder = excluded.holder OR l.expires_at <= clock_timestamp()
    RETURNING epoch
"""
# Whoever stands by only looks: it takes no lock that the leader's statements would have to wait for.
LOOK = "SELECT 1 FROM leader_lease WHERE name = $1 AND holder <> $2 AND expires_at > clock_timestamp()"
RELEASE = "UPDATE leader_lease SET expires_at = clock_timestamp() WHERE name = $1 AND holder = $2"
# The lock keeps a successor waiting until the transaction that asked has ended. If its process freezes in the middle,
# the server ends it: no lock of a reign may outlast the lease.
ASSERT = """
    SELECT set_config('idle_in_transaction_session_timeout', $4, true)
    FROM leader_lease WHERE name = $1 AND holder = $2 AND epoch = $3 FOR SHARE
"""


class LostLeadershipError(Exception):
    """Another has led since: nothing of this transaction may stand."""

    code = "lost_leadership"
    category = "unavailable"

    def __init__(self, name: str, epoch: int) -> None:
        self.detail = f"epoch {epoch} of {name!r} is over"
        super().__init__(self.detail)


@dataclass(frozen=True, slots=True)
class Leadership:
    """A reign: its number, and until when it surely lasts on this process's monotonic clock (s)."""

    epoch: int
    until: float

    def lasts(self, now: float) -> bool:
        """Whether nobody else can lead yet at `now` (monotonic s)."""
        return now < self.until


class LeaderLease:
    """One candidate. Two objects are two candidates, even with the same `holder` name."""

    def __init__(self, db: Database, name: str, holder: str, ttl_s: float, clock: Clock | None = None) -> None:
        self._db = db
        self._name = name
        self._holder = f"{holder}:{secrets.token_hex(6)}"
        self._ttl_s = ttl_s
        self._clock = clock or SystemClock()

    async def acquire_or_renew(self) -> Leadership | None:
        """Take the lease if it is free or already held, and hold it for `ttl_s` from now; None while another has it.

        A lease that is renewed in time keeps its epoch; any other begins a new one. Raises the driver's error when the
        database does not answer: then the present `Leadership` lasts as long as it says.
        """
        asked_at = self._clock.monotonic()
        async with self._db.acquire() as connection:
            if await connection.fetchval(LOOK, self._name, self._holder):
                return None
            epoch = await connection.fetchval(TAKE, self._name, self._holder, self._ttl_s)
        return None if epoch is None else Leadership(epoch, asked_at + self._ttl_s)

    async def release(self) -> None:
        """Let another lead at once."""
        async with self._db.acquire() as connection:
            await connection.execute(RELEASE, self._name, self._holder)

    def terms(self, epoch: int) -> tuple[str, str, int]:
        """The arguments of ASSERT, for a statement that asserts the epoch itself."""
        return self._name, self._holder, epoch

    async def assert_epoch(self, connection: Connection, epoch: int) -> None:
        """Call it first in each transaction that only the leader may make. Raises LostLeadershipError."""
        longest_ms = str(max(1, round(self._ttl_s * 1000)))
        if await connection.fetchval(ASSERT, *self.terms(epoch), longest_ms) is None:
            raise LostLeadershipError(self._name, epoch)


def create_leader_lease(op: Operations) -> None:
    """Make the table, in an Alembic migration."""
    execute_all(op, LEADER_DDL)

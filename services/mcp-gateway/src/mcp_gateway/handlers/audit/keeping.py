"""The upkeep of the log: months ahead, months gone, and its end told elsewhere."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from mcp_gateway.domain.audit import Head
from mcp_gateway.handlers.audit.counting import HEAD_SEQ
from mcp_gateway.ports import AuditKeeper, AuditReader
from servicekit.clock import Clock
from servicekit.logs import get_logger

log = get_logger(__name__)


class Ticking(Protocol):
    """What wants to know that time goes on."""

    def tick(self) -> None: ...  # noqa: D102


async def keep_months(keeper: AuditKeeper, retention_days: int, clock: Clock) -> int:
    """Make the months that come, and drop those in which all is older than that; returns how many. 0 days: for ever."""
    await keeper.prepare()
    dropped = 0
    while retention_days and (month := await keeper.drop_month(clock.now() - timedelta(days=retention_days))):
        dropped += 1
        log.info("audit.month_dropped", month=f"{month:%Y-%m}")
    return dropped


class HeadTeller:
    """Tells the end of the chain in the log of the process: whoever keeps logs elsewhere can hold it against us."""

    def __init__(self, reader: AuditReader, tell: Callable[[Head], None] | None = None) -> None:
        self._reader = reader
        self._tell = tell or _log_head
        self._last = 0

    async def tell(self) -> None:
        """Tell the end if it has moved."""
        head = await self._reader.head()
        HEAD_SEQ.set(head.seq)
        if head.seq != self._last:
            self._last = head.seq
            self._tell(head)


def _log_head(head: Head) -> None:
    log.info("audit.head", seq=head.seq, hash=head.hash.hex(), head=f"{head.seq}:{head.hash.hex()}")

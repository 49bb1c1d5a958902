"""Reports bear the platform's time, however wrong this machine's clock is: they stand beside what services decide."""

from datetime import datetime, timedelta

from contracts.rpc import GetTime, ServerTime
from servicekit.clock import Clock
from servicekit.logs import get_logger
from worker_agent.decisions.timing import TOLERATED, offset
from worker_agent.errors import WorkerError
from worker_agent.ports import Services

log = get_logger(__name__)


class Timekeeper:
    """Knows by how much this machine's clock is wrong, as it was last measured; at first by nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = timedelta(0)

    def right(self, moment: datetime) -> datetime:
        """A time of this machine's clock by the platform's."""
        return moment + self._offset

    async def measure(self, services: Services) -> bool:
        """Ask the orchestrator for its time; False if that tells nothing now."""
        asked_at = self._clock.now()
        try:
            answer = await services.ask("get_time", GetTime())
        except WorkerError:
            return False
        if not isinstance(answer, ServerTime):
            return False
        found = offset(asked_at, answer.now, self._clock.now(), is_corrected=bool(self._offset))
        if found is None:
            return False
        if abs(found - self._offset) > TOLERATED:
            log.warning("clock_corrected", offset_s=round(found.total_seconds(), 3))
        self._offset = found
        return True

"""How much the spool takes; what it refuses is told to who asked, and counted."""

from dataclasses import dataclass

from prometheus_client import Counter

from servicekit.metrics import REGISTRY
from worker_agent.errors import EventTooLarge, SpoolFull, SpoolUnavailable, WorkerError

REFUSED = Counter(
    "mews_spool_refused", "Events that the spool did not take, by the code of the error.", ["reason"], registry=REGISTRY
)
for code in (SpoolFull.code, EventTooLarge.code, SpoolUnavailable.code):
    REFUSED.labels(code)


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """Bounds of a spool, in bytes; `reserve` is kept for what the worker-agent itself must say."""

    max_bytes: int = 512 * 1024 * 1024
    reserve_bytes: int = 4 * 1024 * 1024
    segment_bytes: int = 8 * 1024 * 1024
    max_event_bytes: int = 512 * 1024
    max_batch_bytes: int = 768 * 1024
    max_on_their_way_bytes: int = 4 * 1024 * 1024

    def check(self, size: int, held: int, *, reserved: bool) -> None:
        """Raises EventTooLarge or SpoolFull unless an event of this size fits beside what is held."""
        if size > self.max_event_bytes:
            raise refused(EventTooLarge(f"one report is {size} bytes; at most {self.max_event_bytes} bytes are taken"))
        if held + size > self.max_bytes - (0 if reserved else self.reserve_bytes):
            raise refused(
                SpoolFull(
                    f"the spool holds {held} of {self.max_bytes} bytes that the bus has not taken yet; "
                    "this report is not recorded, try again later"
                )
            )


def refused(error: WorkerError, events: int = 1) -> WorkerError:
    """The same error, counted."""
    REFUSED.labels(error.code).inc(events)
    return error

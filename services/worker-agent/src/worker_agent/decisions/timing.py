"""How far this machine's clock is from that of the platform."""

from datetime import datetime, timedelta

TOLERATED = timedelta(seconds=1)
"""What is not worth correcting, and below which the way of an answer would be taken for a wrong clock."""
LONGEST = timedelta(seconds=2)
"""An answer that was longer on its way does not say when it was given."""


def offset(
    asked_at: datetime, told: datetime, answered_at: datetime, *, is_corrected: bool = False
) -> timedelta | None:
    """What is to be added to this clock's times: `told` was the platform's in the middle between asking and answer
    (Cristian 1989). None: it took too long to tell, or the clock was set meanwhile.

    A clock that `is_corrected` already goes on being so down to half of what is tolerated, and does not go to and fro.
    """
    took = answered_at - asked_at
    if not timedelta(0) <= took <= LONGEST:
        return None
    found = told - (asked_at + took / 2)
    return found if abs(found) > (TOLERATED / 2 if is_corrected else TOLERATED) else timedelta(0)

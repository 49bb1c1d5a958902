"""Lets one Python process see a wrong time of day: found by PYTHONPATH, CLOCK_OFFSET_S says how wrong.

Complete because one module of the platform reads the clock (a check holds that), one of the sandbox, which shares its
worker's machine, and one makes ids of the time.
Durations stay right, as on a machine that nobody sets the clock of. A library such as libfaketime would do it below
Python, but it also breaks the waits by which Python's threads take turns, and a worker that is slow shows something
else.
"""

import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

import uuid_utils

import sandbox.clock
from servicekit.clock import SystemClock

TIMESTAMP_SHIFT = 80
OFFSET = timedelta(seconds=int(os.environ["CLOCK_OFFSET_S"]))
SHIFT = int(OFFSET.total_seconds() * 1000) << TIMESTAMP_SHIFT

real_uuid7 = uuid_utils.uuid7


def wrong_now(self: SystemClock) -> datetime:
    """Now, so much too early or too late."""
    return datetime.now(UTC) + OFFSET  # noqa: TID251 (it stands for the module that may)


def wrong_now_ms() -> int:
    """The same for the sandbox, in milliseconds since 1970."""
    return int(wrong_now(SystemClock()).timestamp() * 1000)


def wrong_uuid7() -> UUID:
    """An id of that time; ids keep their order."""
    return UUID(int=real_uuid7().int + SHIFT)


SystemClock.now = wrong_now
sandbox.clock.now_ms = wrong_now_ms
uuid_utils.uuid7 = wrong_uuid7

"""The wall clock of this machine, in which journals and faults are written down."""

from servicekit.clock import SystemClock


def wall() -> float:
    """Now, in s since 1970."""
    return SystemClock().now().timestamp()

"""When a process that died is started again."""

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 30.0
# A process that has served this long has recovered: its next failure counts as the first.
STEADY_AFTER_S = 60.0
# So often may a process fail before it has ever been ready; then the start as a whole has failed.
FIRST_START_ATTEMPTS = 3


def delay_before_restart(failures: int) -> float:
    """Seconds to wait after that many failures in a row (at least one)."""
    return min(FIRST_DELAY_S * 2.0 ** min(failures - 1, 32), LONGEST_DELAY_S)


def failures_after(failures: int, served_s: float) -> int:
    """The count of failures in a row, after one more by a process that served that long."""
    return 1 if served_s >= STEADY_AFTER_S else failures + 1

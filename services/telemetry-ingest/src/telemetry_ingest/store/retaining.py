"""How long what stands beside the log is kept. The log itself is seen to in `keeping`."""

from servicekit.retention import Policy, by_sql, inbox_policy

# Longer than the projections keep theirs: a rebuild waits for what it has a mark of and the log has none.
MARKS_LONGER_DAYS = 60
FORGET_ATTEMPTS = """
    DELETE FROM task_attempts WHERE task_id = ANY(ARRAY(
        SELECT task_id FROM task_attempts WHERE noted_at < $1 LIMIT $2
    )) AND noted_at < $1
"""


def policies(attempt_days: int, log_days: int) -> list[Policy]:
    """What is forgotten after so many days; 0: nothing."""
    return [
        Policy("task_attempts", attempt_days, by_sql(FORGET_ATTEMPTS)),
        inbox_policy(log_days + MARKS_LONGER_DAYS if log_days else 0),
    ]

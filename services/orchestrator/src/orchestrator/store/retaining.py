"""How long ended tasks, and what was learned from them, are kept."""

from datetime import datetime

from contracts.tasks import TERMINAL_STATES
from servicekit.ids import first_id
from servicekit.pg import Connection
from servicekit.retention import Policy, by_sql, inbox_policy

ENDED = ", ".join(f"'{state.value}'" for state in sorted(TERMINAL_STATES))
# Ids of tasks begin with the time of their creation, so the oldest are found without an index of their own. A task
# stays as long as one that it asked for, or that asked for it, has not ended. Who retries one meanwhile wins.
FORGET_TASKS = f"""
    WITH old AS (
        SELECT task_id FROM tasks AS task
        WHERE task_id < $3 AND status IN ({ENDED}) AND completed_at < $1
          AND NOT EXISTS (
              SELECT FROM tasks AS child
              WHERE child.parent_task_id = task.task_id AND child.status NOT IN ({ENDED})
          )
          AND NOT EXISTS (
              SELECT FROM tasks AS parent
              WHERE parent.task_id = task.parent_task_id AND parent.status NOT IN ({ENDED})
          )
        ORDER BY task_id LIMIT $2 FOR UPDATE OF task SKIP LOCKED
    ), gone AS (
        DELETE FROM attempts USING old WHERE attempts.task_id = old.task_id
    )
    DELETE FROM tasks USING old WHERE tasks.task_id = old.task_id
"""
FORGET_EXPERIENCE = """
    DELETE FROM experience WHERE (worker_id, work_key) IN (
        SELECT worker_id, work_key FROM experience WHERE last_at < $1 ORDER BY last_at LIMIT $2
    ) AND last_at < $1
"""


def policies(task_days: int, experience_days: int, inbox_days: int) -> list[Policy]:
    """What is forgotten after so many days; 0: nothing."""
    return [
        Policy("tasks", task_days, forget_tasks),
        Policy("experience", experience_days, by_sql(FORGET_EXPERIENCE)),
        inbox_policy(inbox_days),
    ]


async def forget_tasks(connection: Connection, before: datetime, most: int) -> int:
    """Remove tasks that ended before, with their attempts."""
    status = await connection.execute(FORGET_TASKS, before, most, first_id("task", before))
    return int(status.rsplit(" ", 1)[1])

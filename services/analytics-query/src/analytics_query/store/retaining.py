"""How long documents and single things are kept. Roll-ups are seen to in `writing`."""

from datetime import datetime

from analytics_query.store.writing import begin
from servicekit.ids import first_id
from servicekit.pg import Connection
from servicekit.retention import Policy, Remove, by_sql, inbox_policy

# The log's own retention comes first: a rebuild leaves out events of whose batches there is no mark.
MARKS_LONGER_DAYS = 30
FINISHED = """
    (task.document -> 'ending' ->> 0)::timestamptz
        >= coalesce((task.document ->> 'retried_at')::timestamptz, '-infinity')
"""
# A document stays as long as its task has not ended.
OLD_ATTEMPTS = f"""
    SELECT task_id, attempt, worker_id FROM attempts
    WHERE updated_at < $1 AND NOT EXISTS (
        SELECT FROM tasks AS task WHERE task.task_id = attempts.task_id AND ({FINISHED}) IS NOT TRUE
    )
    LIMIT $2
"""
FORGET_ATTEMPTS = """
    DELETE FROM attempts USING unnest($1::text[], $2::int[], $3::text[]) AS old (task_id, attempt, worker_id)
    WHERE (attempts.task_id, attempts.attempt, attempts.worker_id) = (old.task_id, old.attempt, old.worker_id)
      AND updated_at < $4
"""
# Ids of tasks begin with the time of their creation, so the oldest are found without an index of their own.
OLD_TASKS = f"""
    SELECT task_id FROM tasks AS task
    WHERE task_id < $3 AND ({FINISHED}) AND (document -> 'ending' ->> 0)::timestamptz < $1
      AND NOT EXISTS (SELECT FROM attempts WHERE attempts.task_id = task.task_id)
    ORDER BY task_id LIMIT $2
"""
FORGET_TASKS = """
    WITH gone AS (DELETE FROM current_attempts WHERE task_id = ANY($1::text[]))
    DELETE FROM tasks WHERE task_id = ANY($1::text[])
"""
FORGET_FIGURES = """
    DELETE FROM analytics WHERE id = ANY(ARRAY(
        SELECT id FROM analytics WHERE timestamp < $1 ORDER BY timestamp LIMIT $2
    ))
"""
FORGET_DECISIONS = """
    DELETE FROM decisions WHERE event_id = ANY(ARRAY(
        SELECT event_id FROM decisions WHERE decided_at < $1 ORDER BY decided_at LIMIT $2
    ))
"""
FORGET_ERRORS = """
    WITH old AS (
        SELECT fingerprint FROM error_groups WHERE last_seen < $1 ORDER BY last_seen LIMIT $2 FOR UPDATE
    ), workers AS (
        DELETE FROM error_workers USING old WHERE error_workers.fingerprint = old.fingerprint
    ), tasks AS (
        DELETE FROM error_tasks USING old WHERE error_tasks.fingerprint = old.fingerprint
    )
    DELETE FROM error_groups USING old WHERE error_groups.fingerprint = old.fingerprint
"""


async def forget_attempts(connection: Connection, before: datetime, most: int) -> int:
    """Remove documents of attempts of which nothing was heard since."""
    old = await connection.fetch(OLD_ATTEMPTS, before, most)
    if not old:
        return 0
    # Whoever projects holds documents in memory, and forgets them when the position has moved.
    await begin(connection)
    columns = [[row[place] for row in old] for place in range(3)]
    await connection.execute(FORGET_ATTEMPTS, *columns, before)
    return len(old)


async def forget_tasks(connection: Connection, before: datetime, most: int) -> int:
    """Remove documents of tasks that ended before, once those of their attempts are gone."""
    old = await connection.fetch(OLD_TASKS, before, most, first_id("task", before))
    if not old:
        return 0
    await begin(connection)
    await connection.execute(FORGET_TASKS, [row["task_id"] for row in old])
    return len(old)


def in_turn(remove: Remove) -> Remove:
    """`remove` while nobody projects: what is counted up must not be counted on in a row that goes."""

    async def removing(connection: Connection, before: datetime, most: int) -> int:
        await connection.execute("SELECT FROM projection FOR UPDATE")
        return await remove(connection, before, most)

    return removing


def policies(days: int, log_days: int) -> list[Policy]:
    """What is forgotten after so many days; 0: nothing."""
    return [
        Policy("attempts", days, forget_attempts),
        Policy("tasks", days, forget_tasks),
        Policy("analytics", days, by_sql(FORGET_FIGURES)),
        Policy("decisions", days, by_sql(FORGET_DECISIONS)),
        Policy("errors", days, in_turn(by_sql(FORGET_ERRORS))),
        inbox_policy(log_days + MARKS_LONGER_DAYS if log_days else 0),
    ]

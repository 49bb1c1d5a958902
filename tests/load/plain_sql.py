"""The plain SQL over the raw log that one would write instead of asking for a report.

The tables are those of telemetry-ingest, with its indexes. `$1` and `$2` are the ends of the time, `$3` is what is
asked about where there is something. Partitions are pruned by `day`, which is the day of the event's id.
"""

BETWEEN = "occurred_at >= $1 AND occurred_at < $2"
DAYS = "day BETWEEN ($1 AT TIME ZONE 'UTC')::date AND ($2 AT TIME ZONE 'UTC')::date"
# An attempt that ended on the first day may have begun on the day before.
DAYS_BEFORE = "day BETWEEN ($1 AT TIME ZONE 'UTC')::date - 1 AND ($2 AT TIME ZONE 'UTC')::date"
TERMINAL = "('task.completed', 'task.failed', 'task.cancelled', 'task.timed_out')"
ENDED = "('task.completed', 'task.failed', 'task.cancelled', 'task.timed_out', 'task.requeued')"

ATTEMPTS = f"""
    WITH ended AS (
        SELECT task_id, attempt, worker_id, kind, occurred_at FROM decided_events
        WHERE kind IN {ENDED} AND {BETWEEN} AND worker_id = ANY($3::text[])
    ), timed AS (
        SELECT ended.*, extract(epoch FROM ended.occurred_at - started.occurred_at)::float8 * 1000 AS ms,
               assigned.occurred_at AS assigned_at
        FROM ended
        JOIN decided_events AS started USING (task_id, attempt, worker_id)
        JOIN decided_events AS assigned USING (task_id, attempt, worker_id)
        WHERE started.kind = 'task.running' AND assigned.kind = 'task.assigned'
    ), answered AS (
        SELECT timed.worker_id, extract(epoch FROM min(events.occurred_at) - timed.assigned_at)::float8 * 1000 AS ms
        FROM timed JOIN events USING (task_id, attempt, worker_id)
        WHERE events.kind = 'progress' AND {DAYS_BEFORE}
        GROUP BY timed.worker_id, task_id, attempt, timed.assigned_at
    )
"""

WORKERS = f"""{ATTEMPTS}
    SELECT worker_id, count(*) AS attempts,
           100.0 * count(*) FILTER (WHERE kind = 'task.completed') / nullif(count(*), 0) AS success_rate,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY ms) AS worker_execution_time_p50,
           percentile_disc(0.95) WITHIN GROUP (ORDER BY ms) AS worker_execution_time_p95,
           (SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY ms) FROM answered
            WHERE answered.worker_id = timed.worker_id) AS first_progress_p95
    FROM timed GROUP BY worker_id ORDER BY attempts DESC
"""

SYSTEM = f"""
    WITH finished AS (
        SELECT task_id, attempt, kind, occurred_at FROM decided_events WHERE kind IN {TERMINAL} AND {BETWEEN}
    ), timed AS (
        SELECT extract(epoch FROM ended.occurred_at - started.occurred_at)::float8 * 1000 AS ms
        FROM decided_events AS ended JOIN decided_events AS started USING (task_id, attempt, worker_id)
        WHERE ended.kind IN {ENDED} AND ended.occurred_at >= $1 AND ended.occurred_at < $2
          AND started.kind = 'task.running'
    ), waited AS (
        SELECT extract(epoch FROM min(assigned.occurred_at) - min(queued.occurred_at))::float8 * 1000 AS ms
        FROM finished JOIN decided_events AS queued USING (task_id) JOIN decided_events AS assigned USING (task_id)
        WHERE queued.kind = 'task.queued' AND assigned.kind = 'task.assigned' GROUP BY task_id
    )
    SELECT tasks.*, times.*, waits.*, reported.* FROM (
        SELECT count(*) AS tasks_finished, 100.0 * count(*) FILTER (WHERE kind = 'task.completed') / nullif(count(*), 0)
                   AS completion_rate,
               100.0 * count(*) FILTER (WHERE attempt > 1) / nullif(count(*), 0) AS retry_rate FROM finished
    ) AS tasks, (
        SELECT avg(ms) AS execution_time_mean, percentile_disc(0.5) WITHIN GROUP (ORDER BY ms) AS execution_time_p50,
               percentile_disc(0.95) WITHIN GROUP (ORDER BY ms) AS execution_time_p95,
               percentile_disc(0.99) WITHIN GROUP (ORDER BY ms) AS execution_time_p99 FROM timed
    ) AS times, (
        SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY ms) AS queue_wait_p95 FROM waited
    ) AS waits, (
        SELECT count(*) FILTER (WHERE kind = 'error') AS errors_reported, count(*) AS events
        FROM events WHERE {DAYS} AND {BETWEEN}
    ) AS reported
"""

TASK = f"""
    SELECT kind, count(*) AS events, min(occurred_at) AS first_at, max(occurred_at) AS last_at FROM (
        SELECT kind, occurred_at FROM decided_events WHERE task_id = $3
        UNION ALL SELECT kind, occurred_at FROM events WHERE task_id = $3
    ) AS of_task WHERE {BETWEEN} GROUP BY kind
"""

FACTS = """
    SELECT kind, count(*) AS events, (array_agg(body ORDER BY seq DESC))[1] AS newest
    FROM events WHERE task_id = $1 AND attempt = (
        SELECT max(attempt) FROM decided_events WHERE task_id = $1 AND kind = 'task.assigned'
    ) GROUP BY kind
"""

QUALITY = f"""
    WITH of_repository AS (
        SELECT task_id, attempt, worker_id FROM decided_events
        WHERE kind = 'task.assigned' AND data->>'repository' = $3
    ), outcomes AS (
        SELECT body FROM events JOIN of_repository USING (task_id, attempt, worker_id)
        WHERE kind = 'outcome' AND {DAYS} AND {BETWEEN}
    ), tests AS (
        SELECT sum((one->'counts'->>'total')::int) AS total, sum((one->'counts'->>'passed')::int) AS passed,
               sum((one->'counts'->>'failed')::int) AS failed
        FROM outcomes, jsonb_array_elements(body->'verified'->'tests') AS one
    ), measured AS (
        SELECT task_id, attempt, avg((body->'metrics'->>'maintainability_index')::float8) AS maintainability
        FROM events JOIN of_repository USING (task_id, attempt, worker_id)
        WHERE kind = 'quality' AND {DAYS} AND {BETWEEN} GROUP BY task_id, attempt
    )
    SELECT total AS tests_run, failed AS tests_failed, 100.0 * passed / nullif(passed + failed, 0) AS test_pass_rate,
           (SELECT avg((one->>'line_percent')::float8)
            FROM outcomes, jsonb_array_elements(body->'verified'->'coverage') AS one) AS line_coverage,
           (SELECT avg(maintainability) FROM measured) AS maintainability_mean
    FROM tests
"""

DECISIONS = f"""
    WITH decided AS (
        SELECT body->>'decision_type' AS decision_type, task_id, attempt, worker_id,
               jsonb_array_length(body->'alternatives') AS alternatives, (body->>'confidence_percent')::float8 AS sure
        FROM events WHERE kind = 'decision' AND {DAYS} AND {BETWEEN}
    ), ended AS (
        SELECT DISTINCT decision_type, task_id, attempt, decided_events.kind
        FROM decided JOIN decided_events USING (task_id, attempt, worker_id) WHERE decided_events.kind IN {ENDED}
    )
    SELECT decision_type, count(*) AS decisions, avg(alternatives) AS alternatives_mean, avg(sure) AS confidence_mean,
           (SELECT count(*) FROM ended WHERE ended.decision_type = decided.decision_type) AS attempts,
           (SELECT count(*) FROM ended WHERE ended.decision_type = decided.decision_type AND kind = 'task.completed')
               AS completed
    FROM decided GROUP BY decision_type ORDER BY decisions DESC
"""

NORMALISED = r"regexp_replace(body->>'message', '[0-9a-f]{8,}|[0-9]+', '#', 'g')"
SEVERITIES = "ARRAY['critical', 'error', 'warning', 'info']"
WORST = f"({SEVERITIES})[min(array_position({SEVERITIES}, severity))]"
ERRORS = f"""
    WITH seen AS (
        SELECT body->>'error_type' AS error_type, {NORMALISED} AS message, body->>'severity' AS severity,
               worker_id, task_id, occurred_at, body->'recovery_successful' AS recovered
        FROM events WHERE kind = 'error'
    )
    SELECT error_type, message, {WORST} AS severity,
           min(occurred_at) AS first_seen, max(occurred_at) AS last_seen,
           count(*) FILTER (WHERE {BETWEEN}) AS errors,
           count(DISTINCT worker_id) FILTER (WHERE {BETWEEN}) AS workers,
           count(DISTINCT task_id) FILTER (WHERE {BETWEEN}) AS tasks,
           count(*) FILTER (WHERE recovered = 'true' AND {BETWEEN}) AS recovered
    FROM seen GROUP BY error_type, message HAVING count(*) FILTER (WHERE {BETWEEN}) > 0 ORDER BY errors DESC LIMIT 20
"""

ERROR_TOTALS = f"""
    SELECT body->>'error_type' AS error_type, count(*) AS errors
    FROM events WHERE kind = 'error' AND {DAYS} AND {BETWEEN} GROUP BY error_type
"""

TIMES = f"""{ATTEMPTS}
    SELECT ms FROM timed
"""
SYSTEM_TIMES = f"""
    SELECT extract(epoch FROM ended.occurred_at - started.occurred_at)::float8 * 1000 AS ms
    FROM decided_events AS ended JOIN decided_events AS started USING (task_id, attempt, worker_id)
    WHERE ended.kind IN {ENDED} AND ended.occurred_at >= $1 AND ended.occurred_at < $2 AND started.kind = 'task.running'
"""

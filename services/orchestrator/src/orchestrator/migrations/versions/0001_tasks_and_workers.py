"""Tasks, their attempts, the workers, and what they have experience in.

Revision ID: 0001
"""

from alembic import op

from servicekit.bus.deadletters import create_dead_letters
from servicekit.inbox import create_inbox
from servicekit.leader import create_leader_lease
from servicekit.outbox import create_outbox

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE tasks (
        task_id VARCHAR(255) COLLATE "C" NOT NULL,
        description TEXT NOT NULL,
        status VARCHAR(50) NOT NULL,
        priority VARCHAR(20) NOT NULL,
        assigned_worker VARCHAR(255) COLLATE "C",
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE,
        completed_at TIMESTAMP WITH TIME ZONE,
        execution_time_ms INTEGER,
        analytics JSONB,
        worker_id VARCHAR(255) COLLATE "C",
        requirements JSONB NOT NULL,
        estimated_duration_ms BIGINT,
        attempt INTEGER DEFAULT '0' NOT NULL,
        max_attempts INTEGER NOT NULL,
        burned INTEGER DEFAULT '0' NOT NULL,
        refusals INTEGER DEFAULT '0' NOT NULL,
        idempotency_key VARCHAR(255),
        body_hash VARCHAR(24) NOT NULL,
        demand_key VARCHAR(24) COLLATE "C" NOT NULL,
        work_key VARCHAR(24) COLLATE "C" NOT NULL,
        rank_at TIMESTAMP WITH TIME ZONE NOT NULL,
        next_attempt_at TIMESTAMP WITH TIME ZONE,
        reason TEXT,
        progress JSONB,
        claim JSONB,
        open_questions TEXT[] DEFAULT '{}'::text[] NOT NULL,
        avoid_worker VARCHAR(255) COLLATE "C",
        CONSTRAINT tasks_pkey PRIMARY KEY (task_id),
        CONSTRAINT tasks_status_known CHECK (
            status IN ('queued', 'assigned', 'running', 'paused', 'waiting',
                'completed', 'failed', 'cancelled', 'timed_out')
        ),
        CONSTRAINT tasks_priority_known CHECK (priority IN ('critical', 'high', 'medium', 'low')),
        CONSTRAINT tasks_counts_not_negative CHECK (attempt >= 0 AND burned >= 0 AND refusals >= 0),
        CONSTRAINT tasks_budget_kept CHECK (max_attempts >= 1 AND burned <= max_attempts)
    ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)
    """,
    "CREATE INDEX tasks_by_worker ON tasks (assigned_worker, task_id) WHERE assigned_worker IS NOT NULL",
    "CREATE UNIQUE INDEX tasks_idempotency_key ON tasks (idempotency_key) WHERE idempotency_key IS NOT NULL",
    "CREATE INDEX tasks_not_completed ON tasks (status, task_id) WHERE status <> 'completed'",
    "CREATE INDEX tasks_queue ON tasks (demand_key, rank_at, task_id) WHERE status = 'queued'",
    """
    CREATE TABLE workers (
        worker_id VARCHAR(255) COLLATE "C" NOT NULL,
        worker_type VARCHAR(50) NOT NULL,
        hostname VARCHAR(255) NOT NULL,
        status VARCHAR(50) NOT NULL,
        capabilities JSONB NOT NULL,
        system_info JSONB NOT NULL,
        last_heartbeat TIMESTAMP WITH TIME ZONE,
        tasks_completed INTEGER DEFAULT '0' NOT NULL,
        tasks_failed INTEGER DEFAULT '0' NOT NULL,
        incarnation VARCHAR(255) NOT NULL,
        former TEXT[] DEFAULT '{}'::text[] NOT NULL,
        tags JSONB NOT NULL,
        slots_total INTEGER NOT NULL,
        told VARCHAR(20),
        cpu_percent DOUBLE PRECISION,
        memory_mb DOUBLE PRECISION,
        round_trip_ms DOUBLE PRECISION,
        registered_at TIMESTAMP WITH TIME ZONE NOT NULL,
        version VARCHAR(255) NOT NULL,
        reason TEXT,
        CONSTRAINT workers_pkey PRIMARY KEY (worker_id),
        CONSTRAINT workers_status_known CHECK (status IN ('online', 'paused', 'draining', 'offline')),
        CONSTRAINT workers_told_known CHECK (told IS NULL OR told IN ('paused', 'draining')),
        CONSTRAINT workers_slots_not_negative CHECK (slots_total >= 0),
        CONSTRAINT workers_counts_not_negative CHECK (tasks_completed >= 0 AND tasks_failed >= 0)
    )
    """,
    """
    CREATE TABLE attempts (
        task_id VARCHAR(255) COLLATE "C" NOT NULL,
        attempt INTEGER NOT NULL,
        worker_id VARCHAR(255) COLLATE "C" NOT NULL,
        state VARCHAR(20) NOT NULL,
        epoch BIGINT NOT NULL,
        assigned_at TIMESTAMP WITH TIME ZONE NOT NULL,
        published_at TIMESTAMP WITH TIME ZONE,
        started_at TIMESTAMP WITH TIME ZONE,
        ended_at TIMESTAMP WITH TIME ZONE,
        reason TEXT,
        stale_reported BOOLEAN DEFAULT false NOT NULL,
        CONSTRAINT attempts_pkey PRIMARY KEY (task_id, attempt),
        CONSTRAINT attempts_state_known CHECK (
            state IN ('assigned', 'running', 'completed', 'failed', 'cancelled', 'timed_out', 'lost', 'refused')
        ),
        CONSTRAINT attempts_attempt_positive CHECK (attempt >= 1),
        CONSTRAINT attempts_live_until_ended CHECK ((state IN ('assigned', 'running')) = (ended_at IS NULL)),
        CONSTRAINT attempts_task FOREIGN KEY(task_id) REFERENCES tasks (task_id),
        CONSTRAINT attempts_worker FOREIGN KEY(worker_id) REFERENCES workers (worker_id)
    ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)
    """,
    """
    CREATE INDEX attempts_live_by_worker ON attempts (worker_id, task_id, attempt)
    WHERE state IN ('assigned', 'running')
    """,
    "CREATE UNIQUE INDEX attempts_one_live ON attempts (task_id) WHERE state IN ('assigned', 'running')",
    """
    CREATE TABLE experience (
        worker_id VARCHAR(255) COLLATE "C" NOT NULL,
        work_key VARCHAR(24) COLLATE "C" NOT NULL,
        completed INTEGER DEFAULT '0' NOT NULL,
        failed INTEGER DEFAULT '0' NOT NULL,
        mean_ms DOUBLE PRECISION DEFAULT '0' NOT NULL,
        last_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT experience_pkey PRIMARY KEY (worker_id, work_key),
        CONSTRAINT experience_counts_not_negative CHECK (completed >= 0 AND failed >= 0),
        CONSTRAINT experience_worker FOREIGN KEY(worker_id) REFERENCES workers (worker_id)
    )
    """,
    "CREATE INDEX experience_last_at ON experience (last_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    create_outbox(op)
    create_inbox(op)
    create_dead_letters(op)
    create_leader_lease(op)

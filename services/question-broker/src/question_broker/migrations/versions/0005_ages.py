"""How old the books of attempts and repositories are, so that what nobody needs any more can be forgotten.

The columns have a default, so the version before this one can go on writing. Rows that are there count as made now.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

INDEXES = {
    "closed_attempts_noted_at": "closed_attempts USING brin (noted_at)",
    "task_repositories_noted_at": "task_repositories USING brin (noted_at)",
    "rule_hits_hit_at": "rule_hits USING brin (hit_at)",
    "held_responses_held_at": "held_responses (held_at)",
}


def upgrade() -> None:
    for table in ("closed_attempts", "task_repositories"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS noted_at timestamptz NOT NULL DEFAULT now()")
    with op.get_context().autocommit_block():
        for name, place in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {place}")

"""What becomes of dead letters: who tried them again, and with what outcome, and who gave them up, and why.

Columns with constant defaults and indexes are only added: the version before this one can go on working. The indexes
are built beside running work; a run that was broken off can be repeated.
"""

from alembic import op

from servicekit.bus import add_dead_letter_states, finish_dead_letter_states

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    add_dead_letter_states(op)
    with op.get_context().autocommit_block():
        finish_dead_letter_states(op)

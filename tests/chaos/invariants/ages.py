"""What must hold of what is too old, and of what is not."""

from collections.abc import Iterator

from tests.chaos.evidence import Evidence


def forgotten(e: Evidence) -> Iterator[str]:
    """What is too old is gone and its like is there; and no attempt that has ended has a workspace."""
    for one in e.aged:
        if one.is_there != one.stays:
            yield f"{one.what} is {'gone' if one.stays else 'there, 100 days old'}"
    over = {f"{attempt.task_id}.{attempt.attempt}" for attempt in e.attempts if attempt.ended_at is not None}
    for workspace in e.workspaces:
        if workspace.partition("/")[2] in over:
            yield f"the workspace {workspace} of an attempt that has ended is there"

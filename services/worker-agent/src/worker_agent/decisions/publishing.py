"""What becomes of a result: pushed to the branch that the task names, or kept as an artifact."""

from contracts.events.recovery import OutcomeStatus, Verified
from contracts.sandbox import BUNDLE_MEDIA_TYPE, PublishRequest, WorkspacePublished
from contracts.tasks import Assignment
from worker_agent.decisions.outcome import Ending
from worker_agent.domain import AttemptKey

BUNDLE, CHANGES = "result.bundle", "result.tar.gz"


def request_of(assignment: Assignment, ending: Ending, verified: Verified | None, timeout_ms: int) -> PublishRequest:
    """Push only what completed, and only where a branch is named for it; what was verified is what is pushed.

    The branch of a helper's task is that of the worker that asked, who alone may push to it.
    """
    requirements = assignment.requirements
    push = to_be_pushed(assignment, ending)
    return PublishRequest(
        push=push,
        url=requirements.repository if push else None,
        branch=requirements.branch,
        commit=verified.commit if verified is not None else None,
        timeout_ms=timeout_ms,
    )


def to_be_pushed(assignment: Assignment, ending: Ending) -> bool:
    """Whether a result goes to a branch of the task's repository."""
    requirements = assignment.requirements
    is_own = requirements.branch is not None and assignment.collaboration is None
    return is_own and requirements.repository is not None and ending.status is OutcomeStatus.completed


def is_elsewhere(published: WorkspacePublished | None) -> bool:
    """Whether the remote has the result, so that nothing is lost with the workspace."""
    return published is not None and published.pushed is True


def artifact_name(media_type: str) -> str:
    """What the saved work is called."""
    return BUNDLE if media_type == BUNDLE_MEDIA_TYPE else CHANGES


def artifact_key(key: AttemptKey, name: str) -> str:
    """Where the saved work of an attempt lies; saved again, it is the same object."""
    return f"{key.task_id}/{key.attempt}/{name}"


def artifact_description(media_type: str, branch: str | None) -> str:
    """What it is, and what to do with it."""
    if media_type == BUNDLE_MEDIA_TYPE:
        return f"The commits that were not pushed. In a clone of the repository: git fetch {BUNDLE} {branch or 'HEAD'}"
    return "The files that were added or changed."

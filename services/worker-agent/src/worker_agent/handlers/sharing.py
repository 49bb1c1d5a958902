"""What an attempt says to other workers: learnings, and the results of the help that they asked for."""

from contracts.addresses import without_credentials
from contracts.learnings import ShareLearning
from contracts.questions import RespondToCollaboration
from worker_agent.errors import NotAsked
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.reports import Recorded

EVERYWHERE = "*"


async def share_learning(attempt: Attempt, body: ShareLearning) -> Recorded:
    """Share what was learned: about the task's repository, unless another is named, or `*` for all."""
    own = attempt.record.assignment.requirements.repository
    repository = None if body.repository == EVERYWHERE else body.repository or own
    shown = without_credentials(repository) if repository is not None else None
    return await attempt.reporter.report("learning", body.model_copy(update={"repository": shown}))


async def respond_to_collaboration(attempt: Attempt, body: RespondToCollaboration) -> Recorded:
    """Answer the worker that asked for this task. Raises NotAsked."""
    attempt.reporter.check(body)
    terms = attempt.record.assignment.collaboration
    if terms is None:
        raise NotAsked(
            f"question_id: given {body.question_id!r}, but no worker asked for this task; report_completion ends it"
        )
    if terms.question_id != body.question_id:
        raise NotAsked(f"question_id: given {body.question_id!r}, but this task answers {terms.question_id!r}")
    return await attempt.reporter.report("collaboration_response", body)

"""Which questions a rule is about."""

from contracts.rules import RuleConditions
from question_broker.decisions.rules import patterns
from question_broker.domain import Question


def searched(question: Question) -> str:
    """What patterns are looked for in."""
    return f"{question.question}\n{question.context}" if question.context else question.question


def fit(when: RuleConditions, question: Question, repository: str | None) -> dict[str, str | None] | None:
    """The named groups of the pattern if all conditions hold; None if one does not. `repository` None: unknown."""
    if not (_is_of_kind(when, question) and _comes_from(when, question, repository)):
        return None
    return patterns.search(when.pattern, searched(question)) if when.pattern else {}


def _is_of_kind(when: RuleConditions, question: Question) -> bool:
    return (
        (not when.kinds or question.kind in when.kinds)
        and (not when.question_types or question.question_type in when.question_types)
        and (not when.priorities or question.priority in when.priorities)
    )


def _comes_from(when: RuleConditions, question: Question, repository: str | None) -> bool:
    if when.worker and not patterns.fits_glob(when.worker, question.worker_id):
        return False
    return when.repository is None or (repository is not None and patterns.fits_glob(when.repository, repository))

"""What becomes of an answer."""

from datetime import datetime

from contracts.questions import NewAnswer, QuestionState
from question_broker.domain import Question


def answer(question: Question, given: NewAnswer, now: datetime) -> Question | None:
    """The answered question, or None when this very answer is its answer already. Raises QuestionClosed."""
    if question.state is QuestionState.answered and question.answer == given.answer:
        return None
    return question.answered(given.answer, given.additional_context, given.answered_by, now)

"""Putting workers' questions to the person at the client: which, in what words, and what was made of the replies."""

from collections.abc import Collection, Iterable
from typing import Annotated, Self

from pydantic import Field, ValidationError

from contracts.base import Model, OptionalText, QuestionId
from contracts.questions import QuestionKind, QuestionState, QuestionView
from mcp_gateway.decisions.wording import shorten
from mcp_gateway.domain.asking import Asking, Choice, Dialogue, Form, Reply

MAX_FORMS = 5
"""Most questions that are put to a person at once."""
MAX_ROUNDS = 8
"""How often a call asks: official clients give up a call that asks more than ten times."""
_LONGEST = 4_000


class Asked(Model):
    """How far the asking in one call has come; it travels with the client, sealed."""

    rounds: int = 0
    open: list[QuestionId] = []
    """Questions that the person sees now."""
    left: list[QuestionId] = []
    """Questions that the person would not answer: they stay open, and are not asked again in this call."""
    notes: Annotated[list[OptionalText], Field(max_length=1_000)] = []
    """What the final answer has to mention."""

    @classmethod
    def read(cls, dialogue: Dialogue | None) -> Self:
        """What was asked before in this call; nothing, if the state is that of another version."""
        try:
            return cls.model_validate_json(dialogue.state) if dialogue and dialogue.state else cls()
        except ValidationError:
            return cls()

    def replies(self, dialogue: Dialogue | None) -> dict[str, Reply]:
        """The replies to what was really asked, by question; what was not asked has no reply."""
        given = dialogue.replies if dialogue else {}
        return {question_id: given[question_id] for question_id in self.open if question_id in given}

    def settled(self, replies: dict[str, Reply], notes: Iterable[str]) -> Self:
        """After the replies were dealt with."""
        declined = [question_id for question_id, reply in replies.items() if reply.choice is Choice.decline]
        return self.model_copy(update={"open": [], "left": [*self.left, *declined], "notes": [*self.notes, *notes]})

    def ask(self, questions: Iterable[QuestionView]) -> Asking:
        """Put these to the person."""
        forms = tuple(form_of(question) for question in questions)
        now = self.model_copy(update={"rounds": self.rounds + 1, "open": [form.key for form in forms]})
        return Asking(forms, now.to_json().decode())


def askable(questions: Iterable[QuestionView], left: Collection[str]) -> list[QuestionView]:
    """What a person can answer with words, oldest first; requests are decided, and other workers give help."""
    fit = [
        question
        for question in questions
        if question.kind is QuestionKind.question
        and question.state is QuestionState.open
        and question.question_id not in left
    ]
    return sorted(fit, key=lambda question: (question.asked_at, question.question_id))[:MAX_FORMS]


def form_of(question: QuestionView) -> Form:
    """The question as a person reads it in their client."""
    about = f", task {question.task_id}" if question.task_id else ""
    parts = [f"{question.worker_id}{about} asks ({question.question_type}): {question.question}", question.context]
    message = shorten("\n\n".join(part for part in parts if part), _LONGEST)
    default = question.default_answer or None
    if question.options and default not in question.options:
        default = None
    return Form(question.question_id, message, tuple(dict.fromkeys(question.options)), default)


def is_blank(reply: Reply) -> bool:
    """Whether an accepted form came back without an answer."""
    return reply.choice is Choice.accept and not reply.answer.strip()

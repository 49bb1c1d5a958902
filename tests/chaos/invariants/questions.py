"""What must hold of questions and their answers."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.evidence import Evidence
from tests.chaos.invariants.causes import name_of
from tests.chaos.states import CLOSED, CLOSING_KINDS

ANSWERED = "answered"


def questions_closed_once(e: Evidence) -> Iterator[str]:
    """Each question that was acknowledged is there once, and has one end."""
    asked = Counter(question.mark for question in e.questions if question.mark)
    closings = Counter(d.question_id for d in e.decided if d.kind in CLOSING_KINDS)
    for question in e.questions:
        if question.state not in CLOSED:
            yield f"{question.question_id} of {question.task_id} is {question.state}"
        elif closings[question.question_id] != 1:
            yield f"the end of {question.question_id} is told {closings[question.question_id]} times"
    for run in e.runs:
        for line in run.of("acked"):
            if line["tool"] == "ask_manager" and asked[line["id"]] != 1:
                yield f"question {line['id']} of {name_of(run)} is there {asked[line['id']]} times"


def answered_once(e: Evidence) -> Iterator[str]:
    """Each answer is the one that was acknowledged to the manager, and the one that the agent got."""
    kept = {question.question_id: question for question in e.questions}
    for question in e.questions:
        if question.state == ANSWERED and question.answer not in e.told.tried.get(question.question_id, ()):
            yield f"{question.question_id} has the answer {question.answer!r}, which nobody gave"
    for question_id, answers in e.told.answered.items():
        if question_id not in kept or set(answers) != {kept[question_id].answer}:
            yield f"{question_id} was acknowledged with {answers}, and has {kept.get(question_id)}"
    for run in e.runs:
        for line in run.of("answer"):
            found = kept.get(line["question_id"])
            if line["state"] == ANSWERED and (found is None or found.answer != line["text"]):
                yield f"{name_of(run)} was told {line['text']!r} for {line['question_id']}, and it is {found}"


def questions_in_time(e: Evidence) -> Iterator[str]:
    """No question expires: each may wait for longer than any run lasts."""
    for question in e.questions:
        if question.state == "expired":
            yield f"{question.question_id} of {question.task_id} expired long before its deadline"

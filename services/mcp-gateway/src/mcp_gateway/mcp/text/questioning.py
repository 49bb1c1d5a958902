"""Questions in text."""

from contracts.questions import QuestionKind, QuestionState, QuestionType, QuestionView, Suggestion
from mcp_gateway.domain.outputs import QuestionList
from mcp_gateway.mcp.text.layout import cell, lines_below, moment, more, number

_OPTION = 200
_BELOW = "\n"


def listed(page: QuestionList) -> str:
    """After `list_questions`."""
    if not page.questions:
        return "No questions."
    return "\n\n".join(_block(question) for question in page.questions) + more(page.next_cursor)


def answered(question: QuestionView) -> str:
    """After `answer_worker_question`."""
    answer = lines_below(question.answer or "-", "  ")
    return (
        f"Question {question.question_id} of {question.worker_id} is {question.state}.\n"
        f"Question: {lines_below(question.question, '  ')}\nAnswer: {answer}"
    )


def decided(question: QuestionView) -> str:
    """After `decide_request`."""
    return (
        f"Request {question.question_id} of {question.worker_id} is decided.\n"
        f"Request: {lines_below(question.question, '  ')}\nDecision: {lines_below(_decision(question) or '-', '  ')}"
    )


def open_line(question: QuestionView) -> str:
    """An open question in one paragraph: what is asked, what can be answered, until when."""
    return "\n".join([f"  - {_head(question)}", *(f"    {line}" for line in _details(question))])


def _block(question: QuestionView) -> str:
    return "\n".join([_head(question), *(f"  {line}" for line in _details(question))])


def _head(question: QuestionView) -> str:
    return (
        f"{question.question_id} ({cell(question.question_type)}, {question.priority}, {question.state}): "
        f"{lines_below(question.question, '      ')}"
    )


def _details(question: QuestionView) -> list[str]:
    given = [
        ("from", f"{question.worker_id}, task {question.task_id}" if question.task_id else question.worker_id),
        ("context", lines_below(question.context, "      ") if question.context else None),
        ("options", " | ".join(cell(one, _OPTION) for one in question.options) or None),
        ("default", cell(question.default_answer, _OPTION)),
        ("until", moment(question.expires_at) if question.state is QuestionState.open else None),
        ("escalated", moment(question.escalated_at)),
        ("decide with", _how_to_decide(question)),
        ("helper", _helper(question)),
        ("decision", _decision(question)),
        ("answer", _answer(question)),
        ("suggested", _suggested(question)),
        ("findings", "".join(f"\n      - {lines_below(one, '        ')}" for one in question.findings) or None),
    ]
    return [f"{name}:{text if text[0] == _BELOW else f' {text}'}" for name, text in given if text and text != "-"]


def _answer(question: QuestionView) -> str | None:
    if question.answer is None or question.decision is not None:
        return None
    by = f" ({question.answered_by})" if question.answered_by else ""
    return f"{lines_below(question.answer, '      ')}{by}"


def _how_to_decide(question: QuestionView) -> str | None:
    if question.state is not QuestionState.open:
        return None
    if question.kind is QuestionKind.resource_request:
        return "decide_request: granted, trimmed with amount_granted, or refused"
    if question.needs_approval:
        return "decide_request: granted, trimmed with duration_ms, or refused; nobody is asked before"
    if question.kind is QuestionKind.question and question.question_type == QuestionType.permission:
        return "decide_request: granted, trimmed with the conditions as amount_granted, or refused"
    return None


def _suggested(question: QuestionView) -> str | None:
    """What was answered to questions like this one."""
    return "".join(f"\n      - {_suggestion(one)}" for one in question.suggestions) or None


def _suggestion(one: Suggestion) -> str:
    by = f" by {one.answered_by}" if one.answered_by else ""
    times = f" {one.times} times" if one.times > 1 else ""
    given = f", answered{times}{by}" if times or by else ""
    return f"{cell(one.answer)} ({number(one.similarity_percent)}% alike{given}, {one.question_id})"


def _helper(question: QuestionView) -> str | None:
    if question.linked_task_id is None:
        return None
    return f"{question.helper_worker or 'none yet'}, task {question.linked_task_id}"


def _decision(question: QuestionView) -> str | None:
    """What a request got: its terms, why, and who said so."""
    if question.decision is None:
        return None
    terms, reason = question.answer or question.decision.decision, question.decision.reason
    by = question.answered_by or question.decision.decided_by
    why = f", because: {reason}" if reason and reason not in terms else ""
    return lines_below(f"{terms}{why} ({by})", "      ")

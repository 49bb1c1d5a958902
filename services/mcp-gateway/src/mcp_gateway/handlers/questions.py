"""See what workers ask, answer them, and decide what they get."""

from dataclasses import replace

from contracts.problems import FieldError
from contracts.questions import NewAnswer, QuestionKind, QuestionState, QuestionView, RequestDecision
from mcp_gateway.decisions.asking import Asked, is_blank
from mcp_gateway.domain.asking import Asking, Choice
from mcp_gateway.domain.inputs import AnswerQuestion, DecideRequest, ListQuestions
from mcp_gateway.domain.outputs import QuestionList
from mcp_gateway.errors import InvalidInput, Refused
from mcp_gateway.handlers.asking import give_answer
from mcp_gateway.ports import Call


async def list_questions(given: ListQuestions, call: Call) -> QuestionList:
    """One page of questions."""
    page = await call.upstreams.questions.questions(given)
    return QuestionList(questions=page.items, next_cursor=page.next_cursor)


async def answer_worker_question(given: AnswerQuestion, call: Call) -> QuestionView | Asking:
    """Close a question with an answer, which goes to the worker at once. Without one, ask the person at the client."""
    if given.answer is None:
        return await _ask(given, call)
    answer = NewAnswer(answer=given.answer, additional_context=given.additional_context, answered_by=call.actor)
    return await call.upstreams.questions.answer(given.question_id, answer)


async def _ask(given: AnswerQuestion, call: Call) -> QuestionView | Asking:
    if call.dialogue is None:
        raise _no_answer("is required: this client cannot ask you for it")
    asked = Asked.read(call.dialogue)
    reply = asked.replies(call.dialogue).get(given.question_id)
    if reply is None:
        return asked.ask([await _open_question(given.question_id, call)])
    if reply.choice is not Choice.accept:
        return await call.upstreams.questions.question(given.question_id)
    if is_blank(reply):
        raise _no_answer("must not be empty: the form was sent without an answer")
    return await give_answer(
        given.question_id, replace(reply, additional_context=reply.additional_context or given.additional_context), call
    )


def _no_answer(why: str) -> InvalidInput:
    return InvalidInput("there is no answer", errors=[FieldError(field="answer", message=why)])


async def _open_question(question_id: str, call: Call) -> QuestionView:
    question = await call.upstreams.questions.question(question_id)
    if question.state is not QuestionState.open:
        raise Refused("question_closed", f"question {question_id} is {question.state}; list_questions shows open ones")
    if question.kind is QuestionKind.resource_request:
        raise Refused("not_a_question", f"{question_id} is a request for resources; decide it with decide_request")
    return question


async def decide_request(given: DecideRequest, call: Call) -> QuestionView:
    """Decide what a worker gets of what it has asked for."""
    decision = RequestDecision(
        decision=given.decision,
        amount_granted=given.amount_granted,
        duration_ms=given.duration_ms,
        reason=given.reason,
        decided_by=call.actor,
    )
    return await call.upstreams.questions.decide(given.question_id, decision)

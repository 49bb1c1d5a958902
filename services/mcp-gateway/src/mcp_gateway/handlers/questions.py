"""See what workers ask, answer them, and decide what they get."""

from contracts.questions import NewAnswer, QuestionView, RequestDecision
from mcp_gateway.domain.inputs import AnswerQuestion, DecideRequest, ListQuestions
from mcp_gateway.domain.outputs import QuestionList
from mcp_gateway.ports import Call


async def list_questions(given: ListQuestions, call: Call) -> QuestionList:
    """One page of questions."""
    page = await call.upstreams.questions.questions(given)
    return QuestionList(questions=page.items, next_cursor=page.next_cursor)


async def answer_worker_question(given: AnswerQuestion, call: Call) -> QuestionView:
    """Close a question with an answer, which goes to the worker at once."""
    answer = NewAnswer(answer=given.answer, additional_context=given.additional_context, answered_by=call.actor)
    return await call.upstreams.questions.answer(given.question_id, answer)


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

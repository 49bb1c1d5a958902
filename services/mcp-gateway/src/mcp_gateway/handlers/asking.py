"""Give the person's replies to the workers that asked."""

from contracts.questions import NewAnswer, QuestionView
from mcp_gateway.decisions.asking import Asked, is_blank
from mcp_gateway.domain.asking import Choice, Reply
from mcp_gateway.errors import GatewayError
from mcp_gateway.ports import Call


async def give_answer(question_id: str, reply: Reply, call: Call) -> QuestionView:
    """Close a question with an accepted reply. Raises NotFound, Refused, Unavailable."""
    answer = NewAnswer(answer=reply.answer, additional_context=reply.additional_context, answered_by=call.actor)
    return await call.upstreams.questions.answer(question_id, answer)


async def settle(call: Call) -> tuple[Asked, bool]:
    """Give the answers that came with this call; what was asked so far, and whether the person wants to stop.

    An answer that cannot be given is noted: its question is asked again if it is still open.
    """
    asked = Asked.read(call.dialogue)
    replies = asked.replies(call.dialogue)
    notes = [note for question_id, reply in replies.items() if (note := await _settled(question_id, reply, call))]
    return asked.settled(replies, notes), any(reply.choice is Choice.cancel for reply in replies.values())


async def _settled(question_id: str, reply: Reply, call: Call) -> str | None:
    if reply.choice is Choice.decline:
        return f"{question_id} was left open; answer_worker_question answers it"
    if reply.choice is Choice.cancel:
        return f"following ended at the question {question_id}, which is still open"
    if is_blank(reply):
        return f"the form of {question_id} was sent without an answer"
    try:
        await give_answer(question_id, reply, call)
    except GatewayError as error:
        return f"the answer to {question_id} was not taken: {error.detail}"
    return None

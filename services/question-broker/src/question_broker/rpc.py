"""What workers ask for over `manager.rpc.question-broker.<verb>.<worker>`."""

from collections.abc import Mapping

from contracts.learnings import LearningsFound, SearchLearnings
from contracts.questions import QuestionView
from contracts.rpc import GetAnswer
from question_broker.handlers import learnings as memory
from question_broker.handlers import questions as asking
from question_broker.handlers.waiting import Closings
from question_broker.ports import Learnings, Questions
from servicekit.bus.rpc import Handler, typed
from servicekit.clock import Clock


def verbs(questions: Questions, learnings: Learnings, closings: Closings, clock: Clock) -> Mapping[str, Handler]:
    """The verbs that this service answers."""

    async def get_answer(worker_id: str, asked: GetAnswer) -> QuestionView:
        return (await asking.read_own(worker_id, asked, questions, closings, clock)).to_view()

    async def search_learnings(_worker_id: str, asked: SearchLearnings) -> LearningsFound:
        return await memory.search(asked, learnings)

    return {"get_answer": typed(GetAnswer, get_answer), "search_learnings": typed(SearchLearnings, search_learnings)}

"""The fleet's memory: looked through and listed."""

from contracts.learnings import LearningsFound, SearchLearnings
from question_broker.ports import LearningFilter, Learnings


async def search(asked: SearchLearnings, learnings: Learnings) -> LearningsFound:
    """What others have learned about this, best first."""
    wanted = LearningFilter(tuple(asked.tags), asked.repository)
    found, total = await learnings.search(asked.query, wanted, None, asked.limit)
    return LearningsFound(learnings=found, total=total)

"""Fleet memory: what one worker has learned, for all others."""

from typing import Annotated

from pydantic import Field

from contracts.base import ID_PATTERN, Count, FilePath, Model, Name, Percent, TaskId, Text, UtcTime, WorkerId
from contracts.reports import Report

LearningId = Annotated[str, Field(pattern=ID_PATTERN, description="Learning id, such as `learning-0198f3…`.")]

Tags = Annotated[list[Name], Field(max_length=50)]


class ShareLearning(Report):
    """Input of `share_learning`: something that will help others with such a task."""

    title: Name
    """The lesson in one line."""
    content: Text
    """What to do or to avoid, and why."""
    tags: Tags = []
    """Words to find it by: languages, tools, topics."""
    repository: FilePath | None = None
    """Repository it is about; left out: that of the task. Give `*` if it holds everywhere."""
    confidence_percent: Percent | None = None


class SearchLearnings(Report):
    """Input of `search_learnings`: what others have learned about this."""

    query: Text
    """Words as for a search engine: `"quoted phrases"`, `or`, `-without` are understood."""
    tags: Tags = []
    """All of these."""
    repository: FilePath | None = None
    """About this repository, or about all."""
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class Learning(Model):
    """One learning as it is found."""

    learning_id: LearningId
    title: Name
    content: Text
    tags: list[Name] = []
    repository: FilePath | None = None
    worker_id: WorkerId
    task_id: TaskId | None = None
    confidence_percent: Percent | None = None
    times_shared: Count = 1
    """How often the same was shared."""
    shared_at: UtcTime
    score: float = 0.0
    """How well it fits the search, higher is better."""


class LearningsFound(Model):
    """Answer to `search_learnings`, best first."""

    learnings: list[Learning]
    total: Count
    """How many fit."""

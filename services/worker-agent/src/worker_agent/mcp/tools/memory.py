"""Tools for what the fleet has learned."""

from contracts.learnings import LearningsFound, SearchLearnings, ShareLearning
from worker_agent.handlers import sharing
from worker_agent.mcp.actions import checked, query
from worker_agent.mcp.spec import ToolSpec

MEMORY = (
    ToolSpec(
        "share_learning",
        ShareLearning,
        "learning",
        "Share something that will help others with such a task.",
        checked(sharing.share_learning),
        "Learning shared: {b.title:.80}",
    ),
    ToolSpec(
        "search_learnings",
        SearchLearnings,
        "tool_call",
        "Search what other workers have learned; worth a call before you begin, and when you are stuck.",
        query,
        result=LearningsFound,
        core=("query", "tags"),
        reads=True,
    ),
)

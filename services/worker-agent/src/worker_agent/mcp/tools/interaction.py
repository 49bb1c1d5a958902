"""Tools to talk with the manager and with other workers."""

from contracts.questions import AskManager, Collaborate, RequestResources, RespondToCollaboration
from contracts.rpc import GetAnswer, ListWorkers, WorkersFound
from worker_agent.handlers import sharing
from worker_agent.mcp.actions import ask_manager, checked, collaborate, get_answer, query, request_resources
from worker_agent.mcp.grants import ResourceResult, StandingRequest
from worker_agent.mcp.results import QuestionResult
from worker_agent.mcp.spec import ToolSpec

INTERACTION = (
    ToolSpec(
        "ask_manager",
        AskManager,
        "question",
        "Ask what only the manager can decide. Waits for the answer until the deadline unless wait is false.",
        ask_manager,
        "The manager is asked.",
        QuestionResult,
        core=("question", "question_type", "context", "options", "default_answer", "deadline_ms", "wait"),
    ),
    ToolSpec(
        "get_answer",
        GetAnswer,
        "tool_call",
        "Tell how a question or request stands, by the id that it got; wait_ms waits for its answer.",
        get_answer,
        result=StandingRequest,
        core=("question_id", "wait_ms"),
        reads=True,
    ),
    ToolSpec(
        "request_resources",
        RequestResources,
        "resource_request",
        "Ask for more compute (`+2 GB`, `30 minutes`, `64 processes`), storage (`10 GB`), "
        "api_quota (`artifacts +100 MB`), a tool (tool_access: its name, or `full` for all), "
        "a dependency (`requests>=2`). Granted at once, or by the manager.",
        request_resources,
        "The manager is asked.",
        ResourceResult,
        core=("resource_type", "amount_needed", "justification", "wait"),
    ),
    ToolSpec(
        "collaborate_with_worker",
        Collaborate,
        "collaboration_request",
        "Ask for the help of another worker: a review, tests, advice. Waits for the result unless wait is false.",
        collaborate,
        "Another worker is asked for.",
        QuestionResult,
    ),
    ToolSpec(
        "respond_to_collaboration",
        RespondToCollaboration,
        "collaboration_response",
        "Answer the worker that asked for this task: collaboration.question_id of get_task says under which id.",
        checked(sharing.respond_to_collaboration),
        "The worker that asked is told: {b.status}.",
    ),
    ToolSpec(
        "list_workers",
        ListWorkers,
        "tool_call",
        "List the workers of the fleet: what they can do, and whether they are free.",
        query,
        result=WorkersFound,
        reads=True,
    ),
)

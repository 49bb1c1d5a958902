"""Tools about the task at hand, and about this worker."""

from contracts import subjects
from contracts.events.deliverables import Checkpoint
from contracts.events.recovery import SessionEnd
from contracts.rpc import CheckCommands, GetNextTask, GetTask, LoadCheckpoint, NextTask, TaskBrief
from worker_agent.mcp.actions import (
    check_commands,
    end_session,
    get_next_task,
    load_checkpoint,
    query,
    save_checkpoint,
)
from worker_agent.mcp.deliverables import CheckpointResult, LoadedCheckpoint
from worker_agent.mcp.results import CommandsResult
from worker_agent.mcp.spec import WORKER, ToolSpec

SESSION = (
    ToolSpec(
        "get_task",
        GetTask,
        "tool_call",
        "Get your task as the platform knows it: description, requirements, earlier attempts and how they ended.",
        query,
        result=TaskBrief,
        core=(),
        reads=True,
    ),
    ToolSpec(
        "get_next_task",
        GetNextTask,
        "tool_call",
        "Say which task this worker will probably be given next: a hint. You are not to begin it.",
        get_next_task,
        result=NextTask,
        asks=subjects.next_task(WORKER),
        reads=True,
    ),
    ToolSpec(
        "check_commands",
        CheckCommands,
        "tool_call",
        "Hear whether the manager has paused or cancelled the task, or granted or answered something. Call it often.",
        check_commands,
        result=CommandsResult,
        core=("wait_ms",),
        asks=f"{subjects.command(WORKER)}, {subjects.answer(WORKER)}",
    ),
    ToolSpec(
        "save_checkpoint",
        Checkpoint,
        "checkpoint",
        "Keep your state (data) and files (paths), so that a later attempt, perhaps on another worker, can go on.",
        save_checkpoint,
        result=CheckpointResult,
        repeats=True,
    ),
    ToolSpec(
        "load_checkpoint",
        LoadCheckpoint,
        "tool_call",
        "Get back what this attempt, or the latest one before it, has saved. Do so first when a task is tried again.",
        load_checkpoint,
        result=LoadedCheckpoint,
        repeats=True,
    ),
    ToolSpec(
        "end_session",
        SessionEnd,
        "session_end",
        "Have this WORKER leave the fleet: it takes no new tasks, and goes once its running ones are over. "
        "To end your task, call report_completion instead.",
        end_session,
        "This worker takes no new tasks, and leaves once those that run are over.",
        asks=subjects.end_session(WORKER),
        repeats=True,
        ends=True,
    ),
)

"""A full and a minimal call of every worker tool."""

from typing import Any

from tests.support.examples import FULL, MINIMAL

KIND_OF_TOOL = {
    "report_progress": "progress",
    "report_milestone": "milestone",
    "report_analytics": "analytics",
    "stream_realtime_data": "stream",
    "report_tool_call": "tool_call",
    "report_token_usage": "token_usage",
    "report_decision": "decision",
    "report_plan": "plan",
    "update_plan_step": "plan_step",
    "report_test_results": "tests",
    "report_code_quality": "quality",
    "report_coverage": "coverage",
    "report_security_scan": "security_scan",
    "report_dependency_analysis": "dependency_analysis",
    "report_benchmark": "benchmark",
    "report_code_change": "code_change",
    "publish_artifact": "artifact",
    "report_resource_usage": "resource",
    "report_performance_profile": "profile",
    "report_api_quota": "api_quota",
    "ask_manager": "question",
    "request_resources": "resource_request",
    "collaborate_with_worker": "collaboration_request",
    "respond_to_collaboration": "collaboration_response",
    "report_error": "error",
    "report_recovery": "recovery",
    "report_blocker": "blocker",
    "report_completion": "completion",
    "save_checkpoint": "checkpoint",
    "end_session": "session_end",
    "share_learning": "learning",
}
"""The kind of event that a report becomes."""

ASKING = frozenset({"ask_manager", "request_resources", "collaborate_with_worker"})
"""These wait, unless told not to."""

TASK = "task-123"
QUERIES: dict[str, dict[str, Any]] = {
    "get_task": {"task_id": TASK},
    "list_workers": {
        "task_id": TASK,
        "status": "online",
        "tags": [],
        "capabilities": ["agent:command"],
        "free_only": False,
        "limit": 10,
    },
    "get_answer": {"task_id": TASK, "question_id": "q-1", "wait_ms": 10},
    "search_learnings": {
        "task_id": TASK,
        "query": "migrations",
        "tags": ["tests"],
        "repository": "https://example.org/app.git",
        "limit": 5,
    },
    "get_next_task": {"task_id": TASK},
    "check_commands": {"task_id": TASK, "wait_ms": 10},
    "load_checkpoint": {"task_id": TASK, "name": "after-analysis", "restore_files": True},
}
LEAST: dict[str, dict[str, Any]] = {
    "get_task": {},
    "list_workers": {},
    "get_answer": {"question_id": "q-1"},
    "search_learnings": {"query": "tests"},
    "get_next_task": {},
    "check_commands": {},
    "load_checkpoint": {},
}

FULL_INPUT: dict[str, dict[str, Any]] = {name: FULL[kind] for name, kind in KIND_OF_TOOL.items()} | QUERIES
"""Every parameter set, by tool."""
MINIMAL_INPUT: dict[str, dict[str, Any]] = {name: MINIMAL[kind] for name, kind in KIND_OF_TOOL.items()} | LEAST
"""Only what is required, by tool."""

AGENT = "echo '<p>hello</p>' > report.html; mkdir src; echo x > src/auth.py; echo up; sleep 600"
"""A command that makes the files which these calls name, says `up`, and stays."""
HELD = {"wait": False}
FULL_CALL = FULL_INPUT | {
    "publish_artifact": {k: v for k, v in FULL["artifact"].items() if k != "content"} | {"path": "report.html"},
    "ask_manager": FULL["question"] | HELD,
    "request_resources": FULL["resource_request"] | {"resource_type": "api_quota", "amount_needed": "9 calls"} | HELD,
    "collaborate_with_worker": FULL["collaboration_request"] | HELD,
}
"""The same, as they can be called one after the other: what must be there is there, and nothing is waited for."""
MINIMAL_CALL = MINIMAL_INPUT | {
    "publish_artifact": {"name": "a.txt", "content": "x"},
    "ask_manager": MINIMAL["question"] | HELD,
    "request_resources": {"resource_type": "api_quota", "amount_needed": "8 calls"} | HELD,
    "collaborate_with_worker": MINIMAL["collaboration_request"] | HELD,
}
PLANNED: dict[str, list[dict[str, Any]]] = {
    "update_plan_step": [FULL["plan"], MINIMAL["plan"]],
    "report_completion": [
        {"plan_type": kind, "steps": [{"description": "x", "status": "completed"}]} for kind in ("overall", "phase")
    ],
}
"""Plans that must be there before a tool is called."""
SAVED = {"load_checkpoint": [{"name": "after-analysis"}, {}]}
"""Checkpoints that must be there before they are loaded."""

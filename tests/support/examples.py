"""One full and one minimal example of every tool's input, and events made of them."""

from datetime import UTC, datetime
from typing import Any

from contracts.events import EVENT_TYPES, EventBase

NOW = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)

COUNTS: dict[str, Any] = {
    "total": 10,
    "passed": 8,
    "failed": 1,
    "skipped": 1,
    "errors": 0,
    "duration_ms": 1234,
    "exit_code": 1,
    "line_coverage_percent": 91.5,
    "branch_coverage_percent": 80.0,
}

FULL: dict[str, dict[str, Any]] = {
    "progress": {
        "task_id": "task-123",
        "status": "executing",
        "phase": "implementation",
        "metrics": {
            "percent_complete": 65.0,
            "current_operation": "Refactoring authentication module",
            "memory_usage_mb": 256.0,
            "cpu_usage_percent": 45.0,
            "files_analyzed": 12,
            "files_modified": 3,
            "tests_run": 5,
            "tests_passed": 4,
        },
    },
    "milestone": {
        "task_id": "task-123",
        "milestone_name": "JWT implementation complete",
        "milestone_type": "feature_implemented",
        "impact": "high",
        "description": "Tokens are signed and rotated.",
        "metrics": {"files": 3, "names": ["a", "b"], "nested": {"x": 0.5, "y": None}},
    },
    "analytics": {"task_id": "task-123", "analytics_type": "performance", "data": {"execution_time_ms": 4532000}},
    "stream": {
        "task_id": "task-123",
        "stream_type": "thinking",
        "content": "Considering token refresh strategy…",
        "priority": "low",
        "metadata": {"turn": 3},
    },
    "decision": {
        "task_id": "task-123",
        "decision_type": "architectural",
        "description": "How refresh tokens live",
        "chosen_option": "rotating refresh tokens",
        "alternatives": ["sliding sessions", "no refresh"],
        "reasoning": "A stolen token is worth one use.",
        "impact_assessment": "Clients must store the new token.",
        "confidence_percent": 80.0,
    },
    "plan": {
        "task_id": "task-123",
        "plan_type": "overall",
        "steps": [
            {
                "description": "Read the module",
                "step_id": "read",
                "status": "completed",
                "estimated_time_ms": 1000,
                "depends_on": [],
            },
            {"description": "Change it", "step_id": "change", "status": "pending", "depends_on": ["read"]},
        ],
        "total_estimated_time_ms": 7200000,
        "complexity_assessment": "high",
        "risk_factors": ["session loss"],
    },
    "tests": {
        "task_id": "task-123",
        "test_suite": "auth",
        "test_type": "integration",
        "results": COUNTS,
        "failed_tests": [
            {
                "test_name": "test_refresh",
                "file_path": "tests/test_auth.py",
                "line": 12,
                "error_message": "assert 1 == 2",
                "stack_trace": "Traceback …",
            }
        ],
        "performance_metrics": {"slowest_ms": 120.5},
    },
    "quality": {
        "task_id": "task-123",
        "file_path": "src/auth.py",
        "metrics": {
            "cyclomatic_complexity": 4.5,
            "max_cyclomatic_complexity": 15.0,
            "cognitive_complexity": 30.0,
            "maintainability_index": 78.25,
            "lines_of_code": 210,
            "test_coverage": 92.0,
            "duplication_percent": 1.5,
        },
        "issues": [{"message": "too complex", "severity": "medium", "line": 40, "rule": "C901"}],
        "suggestions": ["split login()"],
    },
    "resource": {"task_id": "task-123", "resource_type": "memory", "metrics": {"used_mb": 512.5, "peak_mb": 600}},
    "profile": {
        "task_id": "task-123",
        "profile_type": "cpu",
        "hotspots": [
            {
                "function": "hash",
                "file_path": "src/auth.py",
                "line": 3,
                "calls": 100,
                "self_time_ms": 10.5,
                "total_time_ms": 20.25,
                "percent": 50.0,
            }
        ],
        "duration_ms": 1000,
        "metrics": {"samples": 1000},
        "bottlenecks": ["hashing"],
        "summary": "Hashing dominates.",
    },
    "error": {
        "task_id": "task-123",
        "error_type": "ImportError",
        "severity": "warning",
        "message": "No module named jwt",
        "stack_trace": "Traceback …",
        "recovery_attempted": True,
        "recovery_successful": False,
        "recovery_strategy": "install it",
        "file_path": "src/auth.py",
        "line": 1,
        "context": {"python": "3.11"},
    },
    "completion": {
        "task_id": "task-123",
        "status": "completed",
        "summary": {
            "overview": "Done.",
            "objectives_met": ["JWT"],
            "objectives_missed": ["GitHub provider"],
            "deliverables": ["src/auth.py"],
            "metrics": {"execution_time_ms": 1000},
            "files_created": ["src/jwt.py"],
            "files_modified": ["src/auth.py"],
            "files_deleted": ["src/old.py"],
            "tests": COUNTS,
            "quality": {"score": 9},
            "learnings": ["tokens rotate"],
            "recommendations": ["add rate limits"],
        },
    },
    "outcome": {
        "status": "completed",
        "reason": "all well",
        "retryable": False,
        "started_at": "2026-01-02T03:04:05Z",
        "ended_at": "2026-01-02T03:05:05Z",
        "claimed": {
            "status": "completed",
            "summary": {
                "objectives_met": [],
                "objectives_missed": [],
                "deliverables": [],
                "metrics": {},
                "files_created": [],
                "files_modified": [],
                "files_deleted": [],
                "quality": {},
                "learnings": [],
                "recommendations": [],
            },
        },
        "observed": {
            "exit_code": 0,
            "signal": 0,
            "agent": "auditor",
            "agent_version": "1",
            "model": "none",
            "wall_ms": 1000,
            "cpu_ms": 900,
            "memory_peak_mb": 100.5,
            "output_bytes": 10,
            "base_commit": "abc",
            "result_commit": "def",
            "diff_stat": "1 file changed",
            "files_changed": ["a.py"],
            "tokens_input": 5,
            "tokens_output": 6,
            "cost_usd": 0.25,
        },
        "verified": {
            "passed": True,
            "commands": [{"command": "make test", "exit_code": 0, "duration_ms": 10, "output_tail": "ok"}],
            "commit": "def",
        },
    },
    "registered": {
        "worker_id": "worker-1",
        "worker_type": "unified",
        "hostname": "host",
        "incarnation": "run-1",
        "tags": ["unified"],
        "capabilities": ["agent:auditor"],
        "max_concurrent_tasks": 3,
        "system_info": {"cpus": 2},
        "version": "0.1.0",
    },
    "question": {
        "task_id": "task-123",
        "question": "Which provider first?",
        "question_type": "requirements",
        "context": "Both are asked for.",
        "options": ["google", "github"],
        "default_answer": "google",
        "priority": "high",
        "deadline_ms": 60000,
        "wait": False,
    },
    "resource_request": {
        "task_id": "task-123",
        "resource_type": "compute",
        "amount_needed": "2 cores",
        "justification": "The suite is slow.",
        "priority": "low",
        "duration_ms": 60000,
    },
    "collaboration_request": {
        "task_id": "task-123",
        "collaboration_type": "code_review",
        "task_description": "Review src/auth.py",
        "target_worker": "worker-2",
        "context": "JWT",
        "priority": "medium",
    },
}
"""Every field of every body set, by kind."""

MINIMAL: dict[str, dict[str, Any]] = {
    "progress": {"status": "executing"},
    "milestone": {"milestone_name": "done", "milestone_type": "phase_complete"},
    "analytics": {"analytics_type": "quality", "data": {}},
    "stream": {"stream_type": "output", "content": "x"},
    "decision": {"decision_type": "technical", "chosen_option": "a", "reasoning": "b"},
    "plan": {"plan_type": "phase", "steps": [{"description": "one"}]},
    "tests": {"test_suite": "unit", "results": {"total": 1, "passed": 1}},
    "quality": {"file_path": "a.py"},
    "resource": {"resource_type": "cpu", "metrics": {}},
    "profile": {"profile_type": "overall"},
    "error": {"error_type": "e", "message": "m"},
    "completion": {"status": "failed"},
    "outcome": {"status": "failed", "started_at": "2026-01-02T03:04:05Z", "ended_at": "2026-01-02T03:04:06Z"},
    "registered": {"worker_id": "worker-1", "hostname": "h", "incarnation": "i"},
    "question": {"question": "q?", "question_type": "technical"},
    "resource_request": {"resource_type": "dependency", "amount_needed": "jwt"},
    "collaboration_request": {"collaboration_type": "testing", "task_description": "t"},
}
"""Only the required fields of every body, by kind."""


def event(kind: str, body: dict[str, Any], **envelope: Any) -> EventBase:
    """An event of `kind` around `body`, with a fixed envelope unless overridden."""
    given: dict[str, Any] = {
        "event_id": "01990000-0000-7000-8000-000000000001",
        "worker_id": "worker-1",
        "task_id": None if kind == "registered" else "task-123",
        "attempt": None if kind == "registered" else 1,
        "seq": 7,
        "occurred_at": NOW,
        "evidence": "reported",
        "body": body,
    }
    if kind in ("question", "resource_request", "collaboration_request"):
        given["question_id"] = "q-1"
    return EVENT_TYPES[kind].model_validate(given | envelope)

"""Reports at random: by kind, what makes the evidence and the JSON of a body."""

import random
from collections.abc import Callable
from typing import Any

import orjson

from tests.load.fleet.attempts import Attempt

Chance = random.Random
Draw = Callable[[Chance, Attempt], tuple[str, str]]
LEVELS = ("reported", "observed")
SEVERITIES = ("critical", "high", "medium", "low", "info")
ISSUE_LEVELS = SEVERITIES[:4]
FAILURES = (
    ("module_missing", "No module named 'pkg_{n}'", "  installed the   package."),
    ("unknown_key", "'customer_{n}'", "used a default"),
    ("no_answer", "no answer within {n} ms", "Tried again later"),
)


def _as_json(evidence: str, body: dict[str, Any]) -> tuple[str, str]:
    return evidence, orjson.dumps({name: value for name, value in body.items() if value is not None}).decode()


def _maybe(chance: Chance, value: Any, share: float = 0.6) -> Any:
    return value if chance.random() < share else None


def _percent(chance: Chance) -> float:
    return round(chance.uniform(40, 95), 2)


def _tests(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    failing = chance.sample(["test_a", "test_b", "test_c", "test_d"], chance.choice((0, 0, 1, 2)))
    unnamed, errors, total = chance.choice((0, 0, 0, 2)), chance.choice((0, 0, 1)), chance.choice((20, 20, 24, 40))
    failed = max(len(failing) - errors, 0) + unnamed
    skipped = chance.randrange(3)
    results = {
        "total": total,
        "passed": total - failed - errors - skipped,
        "failed": failed,
        "errors": errors,
        "skipped": skipped,
        "exit_code": chance.choice((None, int(failed + errors > 0), 1)),
        "line_coverage_percent": _maybe(chance, _percent(chance), 0.2),
        "branch_coverage_percent": _maybe(chance, _percent(chance), 0.2),
    }
    named = [{"test_name": name} for name in failing]
    body = {"test_suite": chance.choice(("fast", "slow")), "results": results, "failed_tests": named}
    return _as_json(chance.choice(LEVELS), body)


def _coverage(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    body = {"line_percent": _percent(chance), "branch_percent": _maybe(chance, _percent(chance))}
    return _as_json(chance.choice(LEVELS), body)


def _quality(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    metrics = {
        "cyclomatic_complexity": _maybe(chance, round(chance.uniform(1, 9), 2)),
        "max_cyclomatic_complexity": _maybe(chance, float(chance.randrange(5, 40))),
        "cognitive_complexity": _maybe(chance, float(chance.randrange(200))),
        "maintainability_index": _maybe(chance, _percent(chance)),
        "lines_of_code": _maybe(chance, chance.randrange(50, 5_000)),
        "test_coverage": _maybe(chance, _percent(chance), 0.3),
        "duplication_percent": _maybe(chance, round(chance.uniform(0, 20), 2)),
    }
    issues = [{"message": "m", "severity": chance.choice(ISSUE_LEVELS)} for _ in range(chance.randrange(4))]
    path = chance.choice((".", "./", "src/a.py", "src/b.py", "src/c.py"))
    return _as_json(chance.choice(LEVELS), {"file_path": path, "metrics": metrics, "issues": issues})


def _analytics(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    kind = chance.choice(("quality", "test", "security", "dependency", "code"))
    data: dict[str, dict[str, Any]] = {
        "quality": {
            "complexity_score": chance.choice((None, 4.5, "high", 1e15)),
            "cyclomatic_complexity": _maybe(chance, 3.25),
            "max_complexity": _maybe(chance, 17),
            "cognitive_complexity": _maybe(chance, chance.randrange(300)),
            "maintainability_index": _maybe(chance, _percent(chance)),
            "duplication_percent": _maybe(chance, 2.5),
            "loc": _maybe(chance, chance.randrange(9_000)),
            "test_coverage": chance.choice((None, 140, _percent(chance))),
        },
        "test": {"line_coverage": _maybe(chance, _percent(chance)), "coverage_percent": _maybe(chance, 71.5)},
        "security": {"high": chance.randrange(3), "low": chance.randrange(5), "tool": chance.choice(("Trivy", "zap"))},
        "dependency": {"declared": chance.randrange(30, 50), "outdated": chance.randrange(9)},
        "code": {"lines_of_code": chance.randrange(9_000)},
    }
    told = {name: value for name, value in data[kind].items() if value is not None}
    return _as_json(chance.choice(LEVELS), {"analytics_type": kind, "data": told})


def _security_scan(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    found = [{"message": "m", "severity": chance.choice(SEVERITIES)} for _ in range(chance.choice((0, 0, 1, 3)))]
    scanner = chance.choice(("bandit", "Bandit", "semgrep"))
    return _as_json(chance.choice(LEVELS), {"scanner": scanner, "findings": found})


def _dependency_analysis(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    listed = [
        {"name": f"p{n}", "version": "1", "latest_version": chance.choice(("1", "2")), "vulnerabilities": known}
        for n, known in enumerate(chance.choices(([], ["CVE-1"]), k=chance.randrange(5)))
    ]
    body = {
        "ecosystem": chance.choice(("pypi", "npm")),
        "manifest": _maybe(chance, "a.lock"),
        "dependencies": listed,
        "total": _maybe(chance, 80, 0.5),
        "outdated": _maybe(chance, 7, 0.3),
        "vulnerable": _maybe(chance, 2, 0.3),
    }
    return _as_json(chance.choice(LEVELS), body)


def _benchmark(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    name, unit, lower = chance.choice((("login", "ms", True), ("export", "rows/s", False)))
    value, baseline = round(chance.uniform(8, 16), 3), chance.choice((None, 0.0, 12.0))
    body = {"benchmark_name": name, "value": value, "unit": unit, "baseline": baseline, "lower_is_better": lower}
    return _as_json(chance.choice(LEVELS), body)


def _profile(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    spots = [
        {
            "function": name,
            "self_time_ms": _maybe(chance, round(chance.uniform(5, 900), 1)),
            "percent": _maybe(chance, round(chance.uniform(1, 60), 1)),
        }
        for name in chance.sample(["parse", "render", "merge"], chance.randrange(1, 4))
    ]
    told = [{name: value for name, value in spot.items() if value is not None} for spot in spots]
    kind = chance.choice(("cpu", "overall", "memory"))
    body = {"profile_type": kind, "hotspots": told, "duration_ms": chance.choice((None, 0, 1_000))}
    return _as_json("reported", body)


def _resource(chance: Chance, attempt: Attempt) -> tuple[str, str]:
    kind = chance.choice(("memory", "cpu", "disk", "network", "database", "api"))
    used = round(chance.uniform(50, 500), 1)
    metrics: dict[str, dict[str, Any]] = {
        "memory": {"used_mb": used, "peak_mb": chance.choice((used + 40, used - 10, "much"))},
        "cpu": {"percent": chance.choice((3.0, 5.5, 8.0, 4.0, 6.0, 95.0))},
        "disk": {"used_mb": used, "read_mb": used / 4, "write_mb": used / 8},
        "network": {"sent_mb": used / 100, "received_mb": used / 50, "requests": chance.randrange(40)},
        "database": {"connections_active": chance.randrange(18), "connections_max": 20},
        "api": {"provider": "acme", "quota_used": chance.randrange(900), "quota_limit": 1_000, "unit": "calls"},
    }
    return _as_json(chance.choice(LEVELS), {"resource_type": kind, "metrics": metrics[kind]})


def resting(heap_mb: float, chance: Chance) -> str:
    """A sample of memory with its heap."""
    metrics = {"used_mb": round(heap_mb * 1.4 + chance.random(), 2), "heap_used_mb": heap_mb}
    return orjson.dumps({"resource_type": "memory", "metrics": metrics}).decode()


def _api_quota(chance: Chance, attempt: Attempt) -> tuple[str, str]:
    used = attempt.running_ms // 1_000_000 % 4_000 + chance.randrange(10)
    body = {"provider": "hub", "quota_used": used, "quota_limit": 5_000, "endpoint": _maybe(chance, "search", 0.3)}
    return _as_json("reported", body)


def _error(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    kind, message, strategy = chance.choice(FAILURES)
    tried = chance.random() < 0.6
    body = {
        "error_type": kind,
        "message": message.format(n=chance.randrange(9_000)),
        "severity": chance.choice(("critical", "error", "warning", "info")),
        "recovery_attempted": tried,
        "recovery_successful": chance.choice((None, True, False)) if tried else None,
        "recovery_strategy": _maybe(chance, strategy) if tried else None,
    }
    return _as_json("reported", body)


def _recovery(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    kind, _, strategy = chance.choice(FAILURES)
    body = {
        "error_type": kind,
        "strategy": chance.choice((strategy, strategy.upper())),
        "successful": chance.random() < 0.6,
        "error_event_id": _maybe(chance, "@error", 0.5),
    }
    return _as_json("reported", body)


def _decision(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    chosen, *others = chance.sample(["A cache.", "an index", "nothing"], 3)
    body = {
        "decision_type": chance.choice(("technical", "tooling")),
        "chosen_option": chance.choice((chosen, chosen.upper())),
        "reasoning": "r",
        "description": _maybe(chance, chance.choice(("storage", "queries"))),
        "alternatives": others[: chance.randrange(3)],
        "confidence_percent": _maybe(chance, _percent(chance)),
    }
    return _as_json("reported", body)


def _tool_call(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    body = {
        "tool_name": chance.choice(("search", "apply_patch", "format")),
        "status": chance.choice(("started", "started", "completed", "failed")),
        "call_id": _maybe(chance, f"pair-{chance.randrange(4)}", 0.8),
        "duration_ms": _maybe(chance, chance.randrange(5_000), 0.2),
    }
    return _as_json(chance.choice(LEVELS), body)


def _milestone(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    kind = chance.choice(("bug_fixed", "phase_complete", "own_word"))
    return _as_json(chance.choice(LEVELS), {"milestone_name": "m", "milestone_type": kind})


def _code_change(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    return _as_json(chance.choice(LEVELS), {"description": "d", "change_type": chance.choice(("bug_fix", "feature"))})


def _token_usage(chance: Chance, _attempt: Attempt) -> tuple[str, str]:
    body = {
        "model": "m",
        "input_tokens": chance.randrange(9_000),
        "output_tokens": chance.randrange(900),
        "cached_tokens": chance.randrange(500),
        "cost_usd": _maybe(chance, round(chance.uniform(0, 0.2), 7)),
    }
    return _as_json(chance.choice(LEVELS), body)


KINDS: dict[str, Draw] = {
    "tests": _tests,
    "coverage": _coverage,
    "quality": _quality,
    "analytics": _analytics,
    "security_scan": _security_scan,
    "dependency_analysis": _dependency_analysis,
    "benchmark": _benchmark,
    "profile": _profile,
    "resource": _resource,
    "api_quota": _api_quota,
    "error": _error,
    "recovery": _recovery,
    "decision": _decision,
    "tool_call": _tool_call,
    "milestone": _milestone,
    "code_change": _code_change,
    "token_usage": _token_usage,
}

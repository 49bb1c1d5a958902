"""How an attempt ends: what its agent claims, what the worker-agent saw, and what the platform verified."""

from typing import Any

from tests.load.fleet.lines import instant
from tests.load.fleet.moments import Draft, Moment, body_of, cost_of, counts_of


def _claim(moment: Moment) -> dict[str, Any]:
    attempt = moment.attempt
    done = attempt.outcome == "completed" or attempt.disagrees
    counts = {"total": 120, "passed": 120, "failed": 0, "skipped": 0, "errors": 0}
    return {
        "status": "completed" if done else "failed",
        "summary": {
            "overview": "All parts are done." if done else "It could not be done.",
            "tests": counts if done else None,
        },
    }


def completion(moment: Moment) -> Draft:
    """The agent's claim."""
    return body_of("reported", **_claim(moment))


def outcome(moment: Moment) -> Draft:
    """The worker-agent's word."""
    attempt, chance = moment.attempt, moment.chance
    sent = int(2_000_000 * chance.lognormvariate(0, 0.5))
    got = int(40_000 * chance.lognormvariate(0, 0.5))
    observed = {
        "exit_code": int(attempt.outcome != "completed"),
        "agent": attempt.worker.agent,
        "model": attempt.worker.model,
        "wall_ms": attempt.lasted_ms,
        "cpu_ms": int(attempt.lasted_ms * chance.uniform(0.1, 0.4)),
        "memory_peak_mb": round(400 + 200 * chance.random(), 1),
        "tokens_input": sent,
        "tokens_output": got,
        "tokens_cached": int(sent * 0.6),
        "cost_usd": cost_of(moment, sent, got),
        "lines_added": chance.randrange(400),
        "lines_removed": chance.randrange(200),
    }
    said: dict[str, Any] = {
        "status": attempt.outcome,
        "started_at": instant(attempt.running_ms),
        "ended_at": instant(attempt.end_ms),
        "claimed": _claim(moment),
        "observed": observed,
    }
    if attempt.outcome == "completed" or attempt.disagrees:
        said["verified"] = _verified(moment)
    if attempt.disagrees:
        said["discrepancies"] = ["the agent says that all tests pass; 5 of 120 failed"]
    return body_of("observed", **said)


def _verified(moment: Moment) -> dict[str, Any]:
    failed = 5 if moment.attempt.disagrees else 0
    command = {"command": "make test", "exit_code": int(failed > 0), "duration_ms": 20_000, "output_tail": "done"}
    counts = counts_of(120, failed, moment.chance)
    coverage = round(100 * moment.quality, 2)
    return {
        "passed": not failed,
        "commands": [command],
        "tests": [{"path": "junit.xml", "counts": counts}],
        "coverage": [{"path": "coverage.xml", "line_percent": coverage}],
    }

"""The rarer reports of an attempt: tests and quality, decisions and errors, tokens."""

from collections.abc import Callable
from zlib import crc32

from tests.load.fleet.attempts import Attempt
from tests.load.fleet.endings import completion, outcome
from tests.load.fleet.lines import instant
from tests.load.fleet.moments import Draft, Moment, body_of, cost_of, counts_of
from tests.load.fleet.texts import DECISIONS, ERRORS, FUNCTIONS, error_text, stack_of

FLAKY_SHARE = 0.4
NEW_ERROR_SHARE = 0.5
CHANGES = ("feature", "bug_fix", "refactoring", "test")
MILESTONES = ("phase_complete", "feature_implemented", "bug_fixed", "test_passed", "optimization")
PROVIDERS = ("github", "npm", "pypi")


def _token_usage(moment: Moment) -> Draft:
    worker = moment.attempt.worker
    sent, got = int(moment.chance.lognormvariate(9.0, 0.8)), int(moment.chance.lognormvariate(6.0, 0.8))
    return body_of(
        "observed",
        model=worker.model,
        input_tokens=sent,
        output_tokens=got,
        cached_tokens=int(sent * 0.6),
        reasoning_tokens=got // 3,
        cost_usd=cost_of(moment, sent, got),
        provider=worker.provider,
    )


def _tests(moment: Moment) -> Draft:
    chance, planted, attempt = moment.chance, moment.shape.planted, moment.attempt
    repository = attempt.task_class.repository
    suite = chance.choice(("unit", "integration"))
    failed = _failing(attempt, suite)
    if (repository, suite) == (planted.flaky_repository, planted.flaky_suite) and chance.random() < FLAKY_SHARE:
        failed.append(planted.flaky_test)
    results = counts_of(120 + 40 * moment.shape.repository_names.index(repository), len(failed), chance)
    told = [{"test_name": name, "error_message": f"assert {chance.randrange(9)} == 9"} for name in failed]
    evidence = "observed" if attempt.worker.agent == "claude" else "reported"
    return body_of(evidence, test_suite=suite, test_type=suite, results=results, failed_tests=told)


def _failing(attempt: Attempt, suite: str) -> list[str]:
    """What fails throughout an attempt, in most none: what fails only now and then is planted."""
    place = crc32(f"{attempt.task_id} {attempt.number} {suite}".encode())
    return [f"tests/test_m{place % 40}.py::test_{n}" for n in range(max(place % 7 - 3, 0))]


def _coverage(moment: Moment) -> Draft:
    line = round(100 * moment.quality + 2 * moment.done + moment.chance.uniform(-0.5, 0.5), 2)
    return body_of("observed", line_percent=line, branch_percent=round(line * 0.9, 2), tool="coverage.py")


def _quality(moment: Moment) -> Draft:
    chance, level = moment.chance, moment.quality
    whole = chance.random() < 0.4
    metrics = {
        "cyclomatic_complexity": round(9 - 7 * level + chance.uniform(-0.3, 0.3), 2),
        "max_cyclomatic_complexity": float(chance.randrange(8, 30)),
        "cognitive_complexity": float(chance.randrange(100, 200) if whole else chance.randrange(2, 40)),
        "maintainability_index": round(40 + 55 * level, 1),
        "lines_of_code": chance.randrange(8_000, 9_000) if whole else chance.randrange(40, 900),
    }
    issues = [
        {"message": "too complex", "severity": chance.choice(("high", "medium", "low")), "rule": "C901"}
        for _ in range(chance.randrange(3))
    ]
    path = "." if whole else f"src/m{chance.randrange(90)}.py"
    return body_of("reported", file_path=path, metrics=metrics, issues=issues)


def _decision(moment: Moment) -> Draft:
    kind, chosen, others, sure = moment.chance.choice(DECISIONS)
    return body_of(
        "reported",
        decision_type=kind,
        description=f"How {moment.attempt.task_class.name} {moment.n} is done",
        chosen_option=chosen,
        reasoning="It is the smallest change that holds, and it can be taken back.",
        alternatives=list(others),
        confidence_percent=round(100 * min(sure + moment.chance.uniform(-0.15, 0.1), 1.0), 1),
    )


def _error(moment: Moment) -> Draft:
    chance, planted = moment.chance, moment.shape.planted
    if moment.at_ms >= planted.new_error_ms and chance.random() < NEW_ERROR_SHARE:
        kind, severity, template, strategy = (
            planted.new_error_type,
            "error",
            "certificate expired {n} s ago",
            "renewed it",
        )
    else:
        kind, severity, template, strategy = chance.choice(ERRORS)
    message = error_text(template, chance)
    tried = chance.random() < 0.5
    recovery = {"recovery_successful": chance.random() < 0.7, "recovery_strategy": strategy} if tried else {}
    return body_of(
        "reported",
        error_type=kind,
        message=message,
        severity=severity,
        stack_trace=stack_of(kind, message, chance),
        recovery_attempted=tried,
        **recovery,
    )


def _recovery(moment: Moment) -> Draft:
    kind, _, _, strategy = moment.chance.choice(ERRORS)
    worked = moment.chance.random() < 0.6
    return body_of("reported", error_type=kind, strategy=strategy, successful=worked, tries=1, duration_ms=2_000)


def _milestone(moment: Moment) -> Draft:
    kind = moment.chance.choice(MILESTONES)
    return body_of("reported", milestone_name=f"{kind} {moment.n}", milestone_type=kind, impact="medium", metrics={})


def _code_change(moment: Moment) -> Draft:
    chance = moment.chance
    files = [
        {"file_path": f"src/m{chance.randrange(90)}.py", "change": "modified", "lines_added": chance.randrange(80)}
        for _ in range(chance.randrange(1, 4))
    ]
    return body_of("reported", description=f"Step {moment.n}", change_type=chance.choice(CHANGES), files=files)


def _api_quota(moment: Moment) -> Draft:
    hour = moment.at_ms % 3_600_000 / 3_600_000
    resets = instant(moment.at_ms - moment.at_ms % 3_600_000 + 3_600_000)
    used = int(4_000 * hour * moment.chance.uniform(0.9, 1.0))
    provider = moment.chance.choice(PROVIDERS)
    return body_of("reported", provider=provider, quota_used=used, quota_limit=5_000, unit="requests", resets_at=resets)


def _analytics(moment: Moment) -> Draft:
    kind = moment.chance.choice(("performance", "resource", "code"))
    data = {"execution_time_ms": int(moment.done * moment.attempt.lasted_ms), "step": moment.n}
    return body_of("reported", analytics_type=kind, data=data)


def _plan(moment: Moment) -> Draft:
    steps = [
        {"description": f"Do part {n}", "step_id": f"s{n}", "status": "pending", "depends_on": []} for n in range(6)
    ]
    return body_of("reported", plan_type="overall", steps=steps, risk_factors=[])


def _benchmark(moment: Moment) -> Draft:
    name, value = moment.chance.choice(("login", "list", "export")), round(12 * moment.chance.lognormvariate(0, 0.2), 3)
    return body_of(
        "reported", benchmark_name=name, value=value, unit="ms", baseline=12.0, lower_is_better=True, runs=20
    )


def _security_scan(moment: Moment) -> Draft:
    found = [
        {"message": "Possible hardcoded password", "severity": moment.chance.choice(("high", "medium", "low"))}
        for _ in range(moment.chance.randrange(3))
    ]
    return body_of("observed", scanner="bandit", findings=found, files_scanned=90)


def _dependency_analysis(moment: Moment) -> Draft:
    return body_of(
        "reported", ecosystem="pypi", dependencies=[], total=80, outdated=moment.chance.randrange(12), vulnerable=1
    )


def _profile(moment: Moment) -> Draft:
    names = moment.chance.sample(FUNCTIONS, 4)
    spots = [{"function": name, "self_time_ms": 100.0 / n, "percent": 48.0 / n} for n, name in enumerate(names, 1)]
    return body_of("reported", profile_type="cpu", hotspots=spots, duration_ms=1_000, metrics={}, bottlenecks=[])


MEASURES: dict[str, Callable[[Moment], Draft]] = {
    "token_usage": _token_usage,
    "tests": _tests,
    "coverage": _coverage,
    "quality": _quality,
    "decision": _decision,
    "error": _error,
    "recovery": _recovery,
    "milestone": _milestone,
    "code_change": _code_change,
    "api_quota": _api_quota,
    "analytics": _analytics,
    "plan": _plan,
    "benchmark": _benchmark,
    "security_scan": _security_scan,
    "dependency_analysis": _dependency_analysis,
    "profile": _profile,
    "completion": completion,
    "outcome": outcome,
}
"""By kind, what writes it."""

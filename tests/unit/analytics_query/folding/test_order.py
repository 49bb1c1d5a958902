from collections.abc import Sequence
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_query.decisions.folding import (
    bugs,
    choices,
    coverage,
    errors,
    operations,
    quality,
    resources,
    security,
    tests,
)
from contracts.decided import DecidedKind
from contracts.events import EVENT_TYPES
from tests.support.examples import FULL, NOW
from tests.support.folding import Happening, assigned, ended, event_id_of, in_batches, reported

MODULES = (tests, coverage, quality, security, bugs, resources, errors, choices, operations)
SMALL = {
    tests: ("MAX_SUITES", "MAX_RUNS", "MAX_FAILING", "MAX_FAILURES", "MAX_CHANGES"),
    quality: ("MAX_FILES",),
    security: ("MAX_SCANNERS", "MAX_ECOSYSTEMS"),
    resources: ("MAX_SAMPLE",),
    errors: ("MAX_ERRORS", "MAX_TRIED"),
    choices: ("MAX_TYPES", "MAX_CHOICES", "MAX_REJECTED"),
    operations: ("MAX_CALLS", "MAX_HOTSPOTS"),
}
NAMES = st.sampled_from("abcd")
FIGURE = st.floats(0, 100, width=32)
FEW = st.integers(0, 3)


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


COUNTS = st.fixed_dictionaries(
    {"total": st.integers(0, 4), "passed": FEW, "failed": FEW, "line_coverage_percent": _maybe(FIGURE)}
)
HOTSPOT = st.fixed_dictionaries({"function": NAMES, "percent": _maybe(FIGURE), "self_time_ms": _maybe(FIGURE)})
SEEN = st.fixed_dictionaries(
    {
        "tests": st.lists(st.fixed_dictionaries({"path": NAMES, "counts": COUNTS}), max_size=2),
        "coverage": st.lists(st.fixed_dictionaries({"path": NAMES, "line_percent": FIGURE}), max_size=2),
    }
)
BODIES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "tests": st.fixed_dictionaries(
        {
            "test_suite": NAMES,
            "results": COUNTS,
            "failed_tests": st.lists(st.fixed_dictionaries({"test_name": NAMES}), max_size=3),
        }
    ),
    "coverage": st.fixed_dictionaries({"line_percent": FIGURE, "branch_percent": _maybe(FIGURE)}),
    "quality": st.fixed_dictionaries(
        {
            "file_path": NAMES | st.just("."),
            "metrics": st.fixed_dictionaries(
                {"cyclomatic_complexity": _maybe(FIGURE), "cognitive_complexity": FIGURE, "lines_of_code": FEW}
            ),
            "issues": st.lists(st.fixed_dictionaries({"message": NAMES, "severity": st.just("high")}), max_size=2),
        }
    ),
    "security_scan": st.fixed_dictionaries(
        {
            "scanner": NAMES,
            "findings": st.lists(
                st.fixed_dictionaries({"message": NAMES, "severity": st.sampled_from(["high", "low"])}), max_size=3
            ),
        }
    ),
    "dependency_analysis": st.fixed_dictionaries({"ecosystem": NAMES, "total": FEW, "outdated": _maybe(FEW)}),
    "analytics": st.fixed_dictionaries(
        {
            "analytics_type": st.sampled_from(["test", "quality", "security", "dependency", "code"]),
            "data": st.fixed_dictionaries(
                {"coverage_percent": FIGURE, "high": FEW, "declared": FEW, "complexity_score": FIGURE, "loc": FEW}
            ),
        }
    ),
    "resource": st.one_of(
        st.fixed_dictionaries(
            {
                "resource_type": st.sampled_from(["memory", "cpu"]),
                "metrics": st.fixed_dictionaries({"used_mb": FIGURE, "percent": FIGURE}),
            }
        ),
        st.fixed_dictionaries(
            {
                "resource_type": st.just("api"),
                "metrics": st.fixed_dictionaries({"provider": NAMES, "quota_used": FIGURE, "quota_limit": FIGURE}),
            }
        ),
    ),
    "api_quota": st.fixed_dictionaries({"provider": NAMES, "quota_used": FIGURE}),
    "progress": st.fixed_dictionaries({"metrics": st.fixed_dictionaries({"memory_usage_mb": FIGURE})}),
    "error": st.fixed_dictionaries(
        {"error_type": NAMES, "message": NAMES, "recovery_attempted": st.booleans(), "recovery_strategy": NAMES}
    ),
    "recovery": st.fixed_dictionaries(
        {
            "error_type": NAMES,
            "strategy": NAMES,
            "successful": st.booleans(),
            "error_event_id": _maybe(st.integers(1, 12).map(event_id_of)),
        }
    ),
    "decision": st.fixed_dictionaries(
        {
            "decision_type": NAMES,
            "chosen_option": NAMES,
            "alternatives": st.lists(NAMES, max_size=3),
            "description": _maybe(NAMES),
        }
    ),
    "tool_call": st.fixed_dictionaries(
        {
            "tool_name": st.sampled_from(["bash", "edit"]),
            "status": st.sampled_from(["started", "completed", "failed"]),
            "call_id": _maybe(NAMES),
            "duration_ms": _maybe(FEW),
        }
    ),
    "profile": st.fixed_dictionaries({"profile_type": st.just("cpu"), "hotspots": st.lists(HOTSPOT, max_size=3)}),
    "benchmark": st.fixed_dictionaries(
        {"benchmark_name": NAMES, "value": FIGURE, "baseline": _maybe(FIGURE), "lower_is_better": st.booleans()}
    ),
    "milestone": st.fixed_dictionaries({"milestone_type": st.sampled_from(["bug_fixed", "phase_complete"])}),
    "code_change": st.fixed_dictionaries({"change_type": st.sampled_from(["bug_fix", "feature"])}),
    "outcome": st.fixed_dictionaries(
        {
            "observed": _maybe(SEEN.map(lambda seen: FULL["outcome"]["observed"] | seen)),
            "verified": _maybe(SEEN.map(lambda seen: FULL["outcome"]["verified"] | seen)),
        }
    ),
}


@st.composite
def _lives(draw: st.DrawFn, kinds: Sequence[str]) -> list[Happening]:
    events: list[Happening] = []
    for seq in range(1, draw(st.integers(2, 14)) + 1):
        kind = draw(st.sampled_from(kinds))
        at = NOW + timedelta(minutes=draw(st.integers(0, 200)))
        evidence = draw(st.sampled_from(["reported", "observed"]))
        events.append(reported(kind, seq, draw(BODIES[kind]), occurred_at=at, evidence=evidence))
    return [*events, assigned(), ended(draw(st.sampled_from([DecidedKind.task_completed, DecidedKind.task_requeued])))]


def _kinds(module: ModuleType) -> list[str]:
    return sorted({*getattr(module, "FOLDS", {}), *getattr(module, "DIRECT", {})})


def test_there_are_events_of_every_kind_that_is_folded_here() -> None:
    assert {kind for module in MODULES for kind in _kinds(module)} == BODIES.keys() <= EVENT_TYPES.keys()


@pytest.mark.parametrize("bounds", ["usual", "small"])
@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_neither_order_nor_cut_can_be_seen_in_what_becomes_of_events(module: ModuleType, bounds: str) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        events = data.draw(_lives(_kinds(module)))
        shuffled = data.draw(st.permutations(events))
        cuts = sorted(data.draw(st.sets(st.integers(0, len(events)), max_size=4)))
        ends = zip([0, *cuts], [*cuts, len(events)], strict=True)
        pieces = in_batches([shuffled[start:end] for start, end in ends])
        assert pieces.as_json() == in_batches([events]).as_json()

    with pytest.MonkeyPatch.context() as patch:
        for bounded, names in SMALL.items() if bounds == "small" else ():
            for name in names:
                patch.setattr(bounded, name, 2)
        holds()

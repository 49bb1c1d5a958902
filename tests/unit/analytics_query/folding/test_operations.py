from typing import Any

import numpy as np
import pytest

from analytics_query.decisions.folding import operations
from analytics_query.domain.vocabulary import Dimension
from contracts.events import EventBase
from tests.support.folding import REPOSITORY, folded, reported


def call(seq: int, status: str = "completed", tool: str = "bash", **body: Any) -> EventBase:
    return reported("tool_call", seq, {"tool_name": tool, "status": status} | body)


def benchmark(seq: int, value: float, baseline: float | None = None, **body: Any) -> EventBase:
    given = {"benchmark_name": "login", "value": value, "unit": "ms", "baseline": baseline}
    return reported("benchmark", seq, given | body)


def profile(seq: int, *spots: dict[str, Any], kind: str = "cpu", **body: Any) -> EventBase:
    return reported("profile", seq, {"profile_type": kind, "hotspots": list(spots)} | body)


def test_calls_that_ended_are_counted_with_how_long_they_took() -> None:
    lasted = np.random.default_rng(1).integers(1, 5_000, 50).tolist()
    ends = [call(seq, "failed" if seq % 5 == 0 else "completed", duration_ms=ms) for seq, ms in enumerate(lasted, 1)]
    result = folded(call(60, "started"), *ends, call(61, tool="edit", duration_ms=1))
    assert result.figures(Dimension.operation, "bash").counts == {"calls": 50, "calls_failed": 10}
    assert result.spread("call_ms", Dimension.operation, "bash").micros == sum(lasted) * 1_000_000


def test_a_call_lasts_from_its_start_to_its_end_where_its_end_does_not_say() -> None:
    result = folded(call(3, call_id="a"), call(1, "started", call_id="a"), call(2, "started", call_id="b"))
    spread = result.spread("call_ms", Dimension.operation, "bash")
    assert (spread.count, spread.mean) == (1, 120_000)


def test_what_the_end_of_a_call_says_counts_once() -> None:
    result = folded(call(1, "started", call_id="a"), call(3, call_id="a", duration_ms=7))
    spread = result.spread("call_ms", Dimension.operation, "bash")
    assert (spread.count, spread.mean) == (1, 7)


def test_unpaired_calls_stay_bounded() -> None:
    result = folded(*(call(seq, "started", call_id=f"c{seq}") for seq in range(1, 1_000)))
    assert len(result.document.operations.calls) == operations.MAX_CALLS


def test_hotspots_are_functions_of_a_repository() -> None:
    spot = {"function": "hash", "percent": 40, "self_time_ms": 8}
    again = {"function": "hash", "self_time_ms": 5}
    result = folded(profile(1, spot, {"function": "load"}), profile(2, again, again, duration_ms=20))
    found = result.figures(Dimension.hotspot, REPOSITORY, "hash")
    assert found.counts == {"seen": 2}
    assert {metric: spread.mean for metric, spread in found.spreads.items()} == {"share_percent": 25, "self_time_ms": 5}
    assert result.figures(Dimension.hotspot, REPOSITORY, "load").counts == {"seen": 1}


def test_a_profile_of_memory_says_nothing_of_time() -> None:
    result = folded(profile(1, {"function": "hash", "percent": 40}, kind="memory"))
    assert not [key for key in result.rollups if key.dimension is Dimension.hotspot]


def test_a_benchmark_is_told_beside_its_baseline() -> None:
    result = folded(benchmark(1, 30, 20), benchmark(2, 24, 20))
    found = result.figures(Dimension.benchmark, REPOSITORY, "login", "ms")
    assert {metric: spread.mean for metric, spread in found.spreads.items()} == {
        "value@reported": 24,
        "ratio@reported": 1.2,
    }
    assert {metric: last.value for metric, last in found.lasts.items()} == {"value@reported": 24, "lower_is_better": 1}
    assert found.counts == {"measured": 1, "worse@reported": 1}


@pytest.mark.parametrize(
    ("value", "baseline", "lower_is_better", "is_worse"),
    [
        (104, 100, True, 0),
        (106, 100, True, 1),
        (106, 100, False, 0),
        (94, 100, False, 1),
        (96, 100, False, 0),
        (106, None, True, 0),
        (106, 0, True, 0),
    ],
)
def test_a_benchmark_is_worse_from_five_percent_on(
    value: float, baseline: float | None, lower_is_better: bool, is_worse: int
) -> None:
    result = folded(benchmark(1, value, baseline, lower_is_better=lower_is_better))
    assert result.count("worse@reported", Dimension.benchmark, REPOSITORY, "login", "ms") == is_worse


def test_units_are_told_apart() -> None:
    result = folded(benchmark(1, 3), benchmark(2, 4, unit="s"))
    told = [result.last("value@reported", Dimension.benchmark, REPOSITORY, "login", unit) for unit in ("ms", "s")]
    assert told == [3, 4]

"""Reports from what workers said and did; a caller who waits for a slow one is told that it is being made."""

import asyncio
from collections.abc import Coroutine
from itertools import count
from typing import Any, TypeVar

from contracts.analytics import AnalyticsReport, DecisionAnalysis, ErrorAnalysis
from mcp_gateway.domain.inputs import (
    AnalyzeDecisions,
    ErrorAnalysisInput,
    GetAnalytics,
    PerformanceReport,
    QualityDashboard,
)
from mcp_gateway.ports import Call

Answer = TypeVar("Answer")


async def get_analytics(given: GetAnalytics, call: Call) -> AnalyticsReport:
    """All figures of some entities, with the last data of each type."""
    return await _made(call.upstreams.analytics.analytics(given), "the analytics", call)


async def performance_report(given: PerformanceReport, call: Call) -> AnalyticsReport:
    """How well tasks, workers or the whole work."""
    return await _made(call.upstreams.analytics.performance(given), "the performance report", call)


async def quality_dashboard(given: QualityDashboard, call: Call) -> AnalyticsReport:
    """How good the results are."""
    return await _made(call.upstreams.analytics.quality(given), "the quality dashboard", call)


async def analyze_decisions(given: AnalyzeDecisions, call: Call) -> DecisionAnalysis:
    """What was decided, and how it ended."""
    return await _made(call.upstreams.analytics.decisions(given), "the analysis of decisions", call)


async def error_analysis(given: ErrorAnalysisInput, call: Call) -> ErrorAnalysis:
    """What went wrong, in groups."""
    return await _made(call.upstreams.analytics.errors(given), "the analysis of errors", call)


async def _made(answer: Coroutine[Any, Any, Answer], what: str, call: Call) -> Answer:
    started = call.monotonic()
    asking = asyncio.create_task(answer)
    try:
        for step in count(1):
            await asyncio.wait({asking}, timeout=call.wait.poll_ms / 1000)
            if asking.done():
                break
            seconds = call.monotonic() - started
            await call.report_progress(step, None, f"{what} is being made, {seconds:.0f} s so far")
    finally:
        asking.cancel()
        # Not gather: when this call is itself being cancelled, that would cancel it again while it closes.
        await asyncio.wait({asking})
    return asking.result()

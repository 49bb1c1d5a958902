"""Facts and reports."""

from typing import TypeVar

from pydantic import BaseModel

from contracts.analytics import AnalyticsReport, DecisionAnalysis, ErrorAnalysis
from contracts.telemetry import TaskFacts
from mcp_gateway.domain.inputs import (
    AnalyzeDecisions,
    ErrorAnalysisInput,
    GetAnalytics,
    PerformanceReport,
    QualityDashboard,
    Ranged,
)
from mcp_gateway.upstreams.wording import report_params, told
from servicekit.client import ServiceClient

View = TypeVar("View", bound=BaseModel)


class HttpAnalytics:
    """Facts and reports."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def facts(self, task_id: str) -> TaskFacts:
        """What is known of one task."""
        with told():
            return await self._client.get(f"/v1/tasks/{task_id}/facts", TaskFacts)

    async def analytics(self, query: GetAnalytics) -> AnalyticsReport:
        """All figures of some entities, with the last data that was reported."""
        return await self._report("/v1/analytics", AnalyticsReport, query)

    async def performance(self, query: PerformanceReport) -> AnalyticsReport:
        """How well tasks, workers or the whole work."""
        return await self._report("/v1/reports/performance", AnalyticsReport, query)

    async def quality(self, query: QualityDashboard) -> AnalyticsReport:
        """How good the results are."""
        return await self._report("/v1/reports/quality", AnalyticsReport, query)

    async def decisions(self, query: AnalyzeDecisions) -> DecisionAnalysis:
        """What was decided, and how it ended."""
        return await self._report("/v1/reports/decisions", DecisionAnalysis, query)

    async def errors(self, query: ErrorAnalysisInput) -> ErrorAnalysis:
        """What went wrong, in groups."""
        return await self._report("/v1/reports/errors", ErrorAnalysis, query)

    async def _report(self, path: str, into: type[View], query: Ranged) -> View:
        with told():
            return await self._client.get(path, into, report_params(query))

"""Inputs of the manager's tools that are not already a contract; names and values are the reference's."""

from mcp_gateway.domain.inputs.analytics import (
    AnalyticsMetric,
    AnalyzeDecisions,
    Entities,
    ErrorAnalysisInput,
    GetAnalytics,
    PerformanceReport,
    QualityDashboard,
    Ranged,
)
from mcp_gateway.domain.inputs.base import DEFAULT_PAGE, MAX_PAGE, Cursor, OneOrMany, Paged, PageSize
from mcp_gateway.domain.inputs.questions import AnswerQuestion, DecideRequest, ListQuestions
from mcp_gateway.domain.inputs.tasks import (
    MAX_ENTRIES,
    CancelTaskInput,
    ListTasks,
    MonitorTask,
    RetryTask,
    StreamFilter,
    ViewStreams,
)
from mcp_gateway.domain.inputs.workers import ManageWorkers, WorkerAction

__all__ = [
    "DEFAULT_PAGE",
    "MAX_ENTRIES",
    "MAX_PAGE",
    "AnalyticsMetric",
    "AnalyzeDecisions",
    "AnswerQuestion",
    "CancelTaskInput",
    "Cursor",
    "DecideRequest",
    "Entities",
    "ErrorAnalysisInput",
    "GetAnalytics",
    "ListQuestions",
    "ListTasks",
    "ManageWorkers",
    "MonitorTask",
    "OneOrMany",
    "PageSize",
    "Paged",
    "PerformanceReport",
    "QualityDashboard",
    "Ranged",
    "RetryTask",
    "StreamFilter",
    "ViewStreams",
    "WorkerAction",
]

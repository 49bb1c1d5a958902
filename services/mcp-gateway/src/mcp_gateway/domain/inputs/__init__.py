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
from mcp_gateway.domain.inputs.base import Cursor, OneOrMany, Paged, PageSize
from mcp_gateway.domain.inputs.questions import AnswerQuestion, DecideRequest, ListQuestions
from mcp_gateway.domain.inputs.tasks import (
    CancelTaskInput,
    ListTasks,
    MonitorTask,
    RetryTask,
    StreamFilter,
    ViewStreams,
)
from mcp_gateway.domain.inputs.workers import ManageWorkers, WorkerAction

__all__ = [
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

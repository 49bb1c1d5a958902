"""What reports are made of, and the answers of analytics-query."""

from contracts.analytics.choices import EntityType, PerformanceMetric, QualityMetric, ReportType
from contracts.analytics.decisions import DecisionAnalysis, DecisionPattern, DecisionView
from contracts.analytics.errors import ErrorAnalysis, ErrorBudget, ErrorGroup, StrategyOutcome
from contracts.analytics.figures import Direction, Figure, Finding, Number, Point, Row, Section, Series, Standing
from contracts.analytics.reports import AnalyticsReport

__all__ = [
    "AnalyticsReport",
    "DecisionAnalysis",
    "DecisionPattern",
    "DecisionView",
    "Direction",
    "EntityType",
    "ErrorAnalysis",
    "ErrorBudget",
    "ErrorGroup",
    "Figure",
    "Finding",
    "Number",
    "PerformanceMetric",
    "Point",
    "QualityMetric",
    "ReportType",
    "Row",
    "Section",
    "Series",
    "Standing",
    "StrategyOutcome",
]

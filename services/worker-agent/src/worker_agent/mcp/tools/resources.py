"""Tools for resources and performance."""

from contracts.events.resources import ApiQuota, PerformanceProfile, ResourceUsage
from worker_agent.mcp.actions import record
from worker_agent.mcp.spec import ToolSpec

RESOURCES = (
    ToolSpec(
        "report_resource_usage",
        ResourceUsage,
        "resource",
        "Report how much of a resource is in use now.",
        record,
        "Resource usage recorded: {b.resource_type}.",
    ),
    ToolSpec(
        "report_performance_profile",
        PerformanceProfile,
        "profile",
        "Report where time or memory goes: the hotspots, worst first.",
        record,
        "Profile recorded: {b.profile_type}.",
    ),
    ToolSpec(
        "report_api_quota",
        ApiQuota,
        "api_quota",
        "Report how much of an external service's quota is used, or that it has refused you.",
        record,
        "Quota recorded: {b.provider}.",
    ),
)

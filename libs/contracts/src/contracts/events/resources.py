"""Bodies of resource and profiling reports."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import (
    Amount,
    Count,
    FilePath,
    JsonObject,
    Milliseconds,
    Model,
    Name,
    OptionalText,
    Percent,
    QuestionId,
    Text,
    Texts,
    UtcTime,
)
from contracts.events.reporting import Report
from contracts.questions import RequestedResource


class UsedResource(StrEnum):
    """What is being used."""

    memory = "memory"
    cpu = "cpu"
    disk = "disk"
    network = "network"
    api = "api"
    database = "database"


class ResourceUsage(Report):
    """Input of `report_resource_usage`: how much of something is in use now."""

    resource_type: UsedResource
    metrics: JsonObject
    """Figures by name. memory: used_mb peak_mb heap_used_mb; cpu: percent time_ms; disk: used_mb read_mb write_mb;
    network: sent_mb received_mb requests; api: provider quota_used quota_limit resets_at;
    database: connections_active connections_max."""


class ProfileType(StrEnum):
    """What a profile is about."""

    cpu = "cpu"
    memory = "memory"
    io = "io"
    network = "network"
    overall = "overall"


class Hotspot(Model):
    """A place where much of the resource is spent."""

    function: Text
    file_path: FilePath | None = None
    line: Count | None = None
    calls: Count | None = None
    self_time_ms: Amount | None = None
    total_time_ms: Amount | None = None
    percent: Percent | None = None


class PerformanceProfile(Report):
    """Input of `report_performance_profile`: where time or memory goes."""

    profile_type: ProfileType
    hotspots: Annotated[list[Hotspot], Field(max_length=200)] = []
    """The worst places first."""
    duration_ms: Milliseconds | None = None
    """How long was profiled."""
    metrics: JsonObject = {}
    bottlenecks: Texts = []
    """What is slow, in words."""
    summary: OptionalText | None = None


class ApiQuota(Report):
    """Input of `report_api_quota`: how much of an external service's quota is used."""

    provider: Name
    """Whose quota: `github`, `openai`, `npm`, …"""
    quota_used: Amount
    quota_limit: Amount | None = None
    unit: Name = "requests"
    """requests, tokens, USD, …"""
    endpoint: Name | None = None
    """Which of its interfaces, if each has its own quota."""
    resets_at: UtcTime | None = None
    retry_after_ms: Milliseconds | None = None
    """How long the service says to wait, if it refused."""


class GrantState(StrEnum):
    """What became of a granted request."""

    applied = "applied"
    expired = "expired"
    failed = "failed"


class Grant(Model):
    """Body of kind `grant`: something that an attempt may use has changed, by a granted request or its end."""

    question_id: QuestionId
    """The request."""
    state: GrantState
    resource_type: RequestedResource
    target: Name
    """What was changed: a limit (`memory_mb`), a quota (`artifact_mb`), `tool_profile`, or a package."""
    before: OptionalText | None = None
    after: OptionalText | None = None
    granted_by: Name = "policy"
    """`policy`: the worker's own; else who decided."""
    expires_at: UtcTime | None = None
    detail: OptionalText | None = None

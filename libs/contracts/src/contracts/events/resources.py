"""Bodies of resource and profiling reports."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import Count, FilePath, JsonObject, Milliseconds, Model, OptionalText, Percent, Text
from contracts.events.reporting import Report

Time = Annotated[float, Field(ge=0, allow_inf_nan=False)]


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
    self_time_ms: Time | None = None
    total_time_ms: Time | None = None
    percent: Percent | None = None


class PerformanceProfile(Report):
    """Input of `report_performance_profile`: where time or memory goes."""

    profile_type: ProfileType
    hotspots: Annotated[list[Hotspot], Field(max_length=200)] = []
    """The worst places first."""
    duration_ms: Milliseconds | None = None
    """How long was profiled."""
    metrics: JsonObject = {}
    bottlenecks: list[Text] = []
    """What is slow, in words."""
    summary: OptionalText | None = None

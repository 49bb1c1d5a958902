"""What can be asked for: kinds of entities, reports and groups of figures."""

from enum import StrEnum


class EntityType(StrEnum):
    """What a report is about. `system` has no id; the last three group tasks."""

    task = "task"
    worker = "worker"
    system = "system"
    repository = "repository"
    agent = "agent"
    model = "model"


class ReportType(StrEnum):
    """What `performance_report` reports on."""

    task = "task"
    worker = "worker"
    system = "system"
    comparative = "comparative"


class PerformanceMetric(StrEnum):
    """Groups of figures that a performance report can be narrowed to."""

    all = "all"
    execution_time = "execution_time"
    success_rate = "success_rate"
    completion_rate = "completion_rate"
    error_rate = "error_rate"
    retry_rate = "retry_rate"
    throughput = "throughput"
    utilization = "utilization"
    tasks_per_hour = "tasks_per_hour"
    response_time = "response_time"
    queue = "queue"
    resource_usage = "resource_usage"
    memory = "memory"
    cpu = "cpu"
    io = "io"
    network = "network"
    network_latency = "network_latency"
    database = "database"
    api_quota = "api_quota"
    tokens = "tokens"
    cost = "cost"
    phases = "phases"
    bottlenecks = "bottlenecks"
    regressions = "regressions"
    trust = "trust"
    questions = "questions"
    error_budget = "error_budget"


class QualityMetric(StrEnum):
    """Groups of figures of the quality dashboard."""

    all = "all"
    coverage = "coverage"
    complexity = "complexity"
    maintainability = "maintainability"
    security = "security"
    performance = "performance"
    tests = "tests"
    bugs = "bugs"
    dependencies = "dependencies"
    regressions = "regressions"

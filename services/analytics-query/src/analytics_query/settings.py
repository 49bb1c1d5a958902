"""Settings of analytics-query."""

from pydantic import Field

from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Beside the shared ones."""

    projection_max_events: int = Field(default=20_000, ge=1)
    """Most events that are folded in one transaction."""
    projection_wait_ms: int = Field(default=0, ge=0)
    """How long a transaction waits for more events when there are few; 0 takes what came during the one before."""
    projection_lease_ms: int = Field(default=6_000, ge=100)
    """How long a projecting replica that has died keeps the others standing by."""
    projection_documents: int = Field(default=2_000, ge=1)
    """Most documents of attempts, and of tasks, that stay in memory between transactions."""
    projection_rollups: int = Field(default=10_000, ge=1)
    """Most roll-ups that stay in memory between transactions."""
    rollup_minute_days: int = Field(default=3, ge=1)
    """How many days roll-ups of a minute are kept; those of a day are kept for good."""
    rollup_hour_days: int = Field(default=90, ge=1)
    """How many days roll-ups of an hour are kept."""
    analytics_retention_days: int = Field(default=400, ge=0)
    """How long documents of ended tasks and their attempts, figures, decisions and errors are kept; 0: for ever. The
    roll-ups of days, from which reports are made, are kept for good."""
    log_retention_days: int | None = Field(default=None, ge=1)
    """What telemetry-ingest has under this name: marks of batches are kept for longer than the log keeps their events,
    since a rebuild leaves out what has none. Empty: both are kept for ever."""
    projection_watch_ms: int = Field(default=15_000, ge=100)
    """How often the metrics of the projections are brought up to date."""
    quality_metrics_ms: int = Field(default=60_000, ge=0)
    """How often quality of the last hour and day is summed up for `/metrics`; 0: never."""
    rebuild_wait_ms: int = Field(default=60_000, ge=0)
    """How long a rebuild waits for the event log to record what was projected."""
    rebuild_write_events: int = Field(default=50_000, ge=1)
    """How many events a rebuild folds in memory before it writes."""
    report_cache_ttl_ms: int = Field(default=60_000, ge=0)
    """How long the answer of a report is kept in Redis; 0 keeps none."""
    report_stale_ms: int = Field(default=2_000, ge=0)
    """How old an answer may be that is given although the projections have moved on since."""
    report_kept_numbers: int = Field(default=5_000_000, ge=0)
    """How many numbers of sums that reports have made stay in memory (about 30 bytes each); 0 keeps none."""
    report_warm_ms: int = Field(default=60_000, ge=0)
    """How often the sums of a report on the whole system are made before anybody asks for it; 0: never."""
    task_success_objective_percent: float = Field(default=95.0, gt=0, lt=100)
    """Share of the tasks that should complete: what reports take the error budget from."""

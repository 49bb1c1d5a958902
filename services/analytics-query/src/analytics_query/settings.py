"""Settings of analytics-query."""

from pydantic import Field

from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Beside the shared ones."""

    projection_max_events: int = Field(default=5_000, ge=1)
    """Most events that are folded in one transaction."""
    projection_wait_ms: int = Field(default=0, ge=0)
    """How long a transaction waits for more events when there are few; 0 takes what came during the one before."""
    report_cache_ttl_ms: int = Field(default=60_000, ge=0)
    """How long the answer of a report is kept in Redis; 0 keeps none."""
    report_stale_ms: int = Field(default=2_000, ge=0)
    """How old an answer may be that is given although the projections have moved on since."""
    task_success_objective_percent: float = Field(default=95.0, gt=0, lt=100)
    """Share of the tasks that should complete: what reports take the error budget from."""

"""Settings of telemetry-ingest."""

from pydantic import Field

from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Beside the shared ones."""

    ingest_max_events: int = Field(default=5_000, ge=1)
    """Most events that are written in one transaction."""
    ingest_wait_ms: int = Field(default=0, ge=0)
    """How long a transaction waits for more events when there are few; 0 takes what came during the one before."""
    tail_items: int = Field(default=1_000, ge=1)
    """Items of a task's live tail in Redis; an item holds up to 25 entries."""
    tail_ttl_s: int = Field(default=86_400, ge=1)
    """How long a task's live tail outlives its last event."""
    live_heartbeat_ms: int = Field(default=1_000, ge=100)
    """How often a silent live stream sends a comment, so that proxies keep it open."""
    log_retention_days: int | None = Field(default=None, ge=1)
    """How many whole days of the log are kept; empty for all. What is forgotten cannot be projected again."""
    task_attempt_retention_days: int = Field(default=90, ge=0)
    """How long it is remembered which attempt a task is at after the last news of it; 0: for ever. What older attempts
    say after that is no longer known to be stale."""

"""The settings of this service: environment variables of the same names in capitals."""

from pydantic import Field, model_validator

from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """What an operator may choose."""

    lease_ms: int = Field(default=30_000, ge=100)
    """How long an attempt lives without a heartbeat that names it."""
    offline_after_ms: int = Field(default=15_000, ge=100)
    """How long a worker may be silent before it counts as offline."""
    leader_lease_ms: int = Field(default=6_000, ge=100)
    """How long a leader that has died keeps others from leading."""
    schedule_tick_ms: int = Field(default=250, ge=10)
    """How often the queue is looked at when nothing calls for it: for backoffs that end, and calls that were lost."""
    watch_tick_ms: int = Field(default=1_000, ge=10)
    """How often heartbeats are written, and leases and silent workers looked for."""
    retry_base_ms: int = Field(default=1_000, ge=0)
    """Pause before the second attempt; it doubles with each further one, and chance takes up to half of it away."""
    retry_cap_ms: int = Field(default=300_000, ge=0)
    """Longest pause before another attempt."""
    max_refusals: int = Field(default=10, ge=0)
    """How often workers may give a task back before each further time costs one of its attempts."""

    task_retention_days: int = Field(default=365, ge=0)
    """How long a task is kept after its end, with its attempts and its idempotency key; 0: for ever."""
    experience_retention_days: int = Field(default=180, ge=0)
    """How long it is remembered how a worker did on a kind of work after it last did some; 0: for ever."""
    inbox_retention_days: int = Field(default=90, ge=0)
    """How long it is remembered which batches of a producer were applied after its last one; longer than any spool may
    keep a batch. 0: for ever."""

    fleet_sample_ms: int = Field(default=30_000, ge=0)
    """How often the leader says how the fleet and the queue stand, for reports over time; 0: never.

    It says so too while there is neither worker nor task: that nothing waits is a fact.
    """

    @model_validator(mode="after")
    def _order_of_times(self) -> "Settings":
        if self.retry_cap_ms < self.retry_base_ms:
            raise ValueError("RETRY_CAP_MS must not be below RETRY_BASE_MS")
        return self

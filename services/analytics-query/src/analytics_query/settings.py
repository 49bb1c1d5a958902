"""Settings of analytics-query."""

from pydantic import Field

from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Beside the shared ones."""

    projection_max_events: int = Field(default=5_000, ge=1)
    """Most events that are folded in one transaction."""
    projection_wait_ms: int = Field(default=0, ge=0)
    """How long a transaction waits for more events when there are few; 0 takes what came during the one before."""

"""Settings of the question-broker."""

from pydantic import Field

from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """Beside the shared ones."""

    expiry_tick_ms: int = Field(default=500, ge=10)
    """How often questions past their deadline are looked for."""

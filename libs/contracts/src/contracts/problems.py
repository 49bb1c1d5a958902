"""Problem details (RFC 9457): the body of every HTTP error."""

from contracts.base import Model

MEDIA_TYPE = "application/problem+json"


class FieldError(Model):
    """One field that is wrong."""

    field: str
    """Path of the field, such as `requirements.tags.0`."""
    message: str
    value: str | None = None
    """What was given, shortened."""
    allowed: list[str] = []


class Problem(Model):
    """An error that a program can tell by `code` and a person can read in `detail`."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    """Stable: `task_not_found`, `invalid_input`, …"""
    detail: str
    instance: str | None = None
    errors: list[FieldError] = []

"""What can go wrong here, each with a stable code."""

from collections.abc import Sequence

from contracts.problems import FieldError


class AnalyticsError(Exception):
    """Base of this service's errors: `code` for programs, `category` for the edge, `detail` for people."""

    code = "analytics_error"
    category = "invalid"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidTimeRange(AnalyticsError):
    """A time range that says nothing, or the wrong thing. `errors` are contracts.problems.FieldError."""

    code = "invalid_time_range"

    def __init__(self, given: str, allowed: Sequence[str], why: str) -> None:
        shown = given[:100]
        super().__init__(f"time_range: {shown!r} cannot be used ({why}); give one of: {', '.join(allowed)}")
        self.errors = [FieldError(field="time_range", message=why, value=shown, allowed=list(allowed))]


class InvalidInput(AnalyticsError):
    """A parameter with a value that it cannot have. `errors` are contracts.problems.FieldError."""

    code = "invalid_input"

    def __init__(self, field: str, message: str, allowed: Sequence[str] = (), value: str | None = None) -> None:
        super().__init__(f"{field}: {message}")
        self.errors = [FieldError(field=field, message=message, value=value, allowed=list(allowed))]


class LogIncomplete(AnalyticsError):
    """The log has not recorded what was applied here, so nothing can be made anew of it."""

    code = "log_incomplete"
    category = "unavailable"

    def __init__(self, missing: int, shown: str, wait_s: float) -> None:
        super().__init__(
            f"the event log lacks {missing} batches that the projections hold ({shown}), after {wait_s:g} s: "
            "let telemetry-ingest run until it has caught up, look at its dead letters, then rebuild again"
        )

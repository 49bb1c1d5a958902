"""What can go wrong here, each with a stable code."""


class AnalyticsError(Exception):
    """Base of this service's errors: `code` for programs, `category` for the edge, `detail` for people."""

    code = "analytics_error"
    category = "invalid"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class LogIncomplete(AnalyticsError):
    """The log has not recorded what was applied here, so nothing can be made anew of it."""

    code = "log_incomplete"
    category = "unavailable"

    def __init__(self, missing: int, shown: str, wait_s: float) -> None:
        super().__init__(
            f"the event log lacks {missing} batches that the projections hold ({shown}), after {wait_s:g} s: "
            "let telemetry-ingest run until it has caught up, look at its dead letters, then rebuild again"
        )

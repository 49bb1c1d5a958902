"""What can go wrong here, each with a stable code."""


class AnalyticsError(Exception):
    """Base of this service's errors: `code` for programs, `category` for the edge, `detail` for people."""

    code = "analytics_error"
    category = "invalid"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

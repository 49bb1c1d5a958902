"""What can go wrong here, each with a stable code."""


class TelemetryError(Exception):
    """Base of this service's errors: `code` for programs, `category` for the edge, `detail` for people."""

    code = "telemetry_error"
    category = "invalid"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class UnknownType(TelemetryError):
    """A filter names neither a stream type nor an event kind."""

    code = "unknown_type"


class Stopping(TelemetryError):
    """An export is cut off, since this process stops: its reader must not take what it has for all there is."""

    code = "stopping"
    category = "unavailable"

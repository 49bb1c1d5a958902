"""Errors with a stable code."""


class AuditorError(Exception):
    """What the auditor raises; `code` is stable, the text is one sentence for a person."""

    code = "auditor_error"


class SettingsError(AuditorError):
    """The environment or the command line does not say what it must."""

    code = "bad_settings"


class UnreadableReportError(AuditorError):
    """A tool's report cannot be read: absent, broken, too large or hostile."""

    code = "unreadable_report"


class MeasurementError(AuditorError):
    """A measurement gave no figures; `output` is the end of what the tool printed."""

    code = "measurement_failed"

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class UnreachableManagerError(AuditorError):
    """The worker's MCP endpoint cannot be reached or refuses the token."""

    code = "mcp_unreachable"

"""Errors of the gateway: a stable code and one sentence that says what to do."""

from contracts.access import Role
from contracts.problems import FieldError


class GatewayError(Exception):
    """What every error here has: `code` for programs, `category` for the edge, `detail` for people."""

    code = "gateway_error"
    category = "invalid"

    def __init__(self, detail: str, *, errors: list[FieldError] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []


class InvalidInput(GatewayError):
    """The parameters of a call are wrong; `errors` names each."""

    code = "invalid_input"


class NotFound(GatewayError):
    """No such task, worker or question."""

    code = "not_found"
    category = "not_found"


class Refused(GatewayError):
    """A service said no; `code` and `category` are the service's own."""

    def __init__(
        self, code: str, detail: str, *, errors: list[FieldError] | None = None, category: str = "conflict"
    ) -> None:
        super().__init__(detail, errors=errors)
        self.code = code
        self.category = category


class Unavailable(GatewayError):
    """A service could not be reached, or could not answer now; the same call may succeed a little later."""

    code = "service_unavailable"
    category = "unavailable"

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{reason}; try again in a few seconds")
        self.service = service


class UnsafeSetup(GatewayError):
    """The settings would let everybody in, or nobody."""

    code = "unsafe_setup"
    category = "internal"


class Unauthorized(GatewayError):
    """The caller is not known; `reason` is for the metric, and holds nothing of what was shown."""

    code = "unauthorized"
    category = "unauthorized"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Forbidden(GatewayError):
    """The caller is known, and may not do this; `needed` is the role that may."""

    code = "forbidden"
    category = "forbidden"

    def __init__(self, detail: str, needed: Role) -> None:
        super().__init__(detail)
        self.needed = needed

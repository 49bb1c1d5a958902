"""Let callers in by the credential that they show."""

from mcp_gateway.decisions.access import bearer_of, principal_of
from mcp_gateway.domain.principals import LOCAL, Principal, TokenEntry
from mcp_gateway.errors import Unauthorized


class Everybody:
    """An Admission for loopback: whoever calls is this machine's own."""

    async def admit(self, authorization: str | None, address: str) -> Principal:
        """The local principal."""
        del authorization, address
        return LOCAL


class Guard:
    """An Admission that knows callers by their bearer tokens."""

    def __init__(self, listed: tuple[TokenEntry, ...]) -> None:
        self._listed = listed

    async def admit(self, authorization: str | None, address: str) -> Principal:
        """Whose credential it is. Raises Unauthorized."""
        token = bearer_of(authorization)
        principal = principal_of(token, self._listed)
        if principal is None:
            raise Unauthorized("unknown", "this bearer token is not known here, or has ended")
        return principal

"""Let callers in by the credential that they show."""

from collections.abc import Callable

from mcp_gateway.decisions.access import bearer_of, principal_of
from mcp_gateway.decisions.keys import read_token
from mcp_gateway.decisions.limiting import Rate
from mcp_gateway.decisions.tokens import is_token
from mcp_gateway.domain.principals import LOCAL, Kind, Principal, TokenEntry
from mcp_gateway.errors import TooManyRequests, Unauthorized
from mcp_gateway.handlers.keyring import KeyRing
from mcp_gateway.handlers.limiting import LocalBuckets
from mcp_gateway.handlers.tokens import IssuedTokens

LIMITED = "rate_limited"


class Everybody:
    """An Admission for loopback: whoever calls is this machine's own."""

    async def admit(self, authorization: str | None, address: str) -> Principal:
        """The local principal."""
        del authorization, address
        return LOCAL

    def has_ended(self, principal: Principal) -> bool:
        """It never does."""
        del principal
        return False


class Guard:
    """An Admission that knows callers by listed tokens, API keys, and tokens of authorization servers.

    Who is known here passes at once. All others are looked up, unless their address has failed too often: guessing is
    hopeless anyway, but must not cost the database or signature checks.
    """

    def __init__(
        self,
        listed: tuple[TokenEntry, ...],
        keys: KeyRing,
        tokens: IssuedTokens | None,
        failures: LocalBuckets,
        allowed_failures: Rate,
        on_failure: Callable[[str], None],
    ) -> None:
        self._listed = listed
        self._keys = keys
        self._tokens = tokens
        self._failures = failures
        self._allowed_failures = allowed_failures
        self._on_failure = on_failure

    async def admit(self, authorization: str | None, address: str) -> Principal:
        """Whose credential it is. Raises Unauthorized, Forbidden, TooManyRequests, Unavailable."""
        try:
            token = bearer_of(authorization)
            return self._known(token) or await self._look_up(token, address)
        except Unauthorized as error:
            self._on_failure(error.reason)
            # Clients begin without a token to learn what is asked for.
            if not error.is_missing:
                self._failures.take(address, self._allowed_failures)
            raise

    def has_ended(self, principal: Principal) -> bool:
        """Whether its key was revoked, or the time of its credential is over."""
        if principal.kind is Kind.key and principal.key_id is not None:
            return self._keys.has_ended(principal.key_id)
        return self._tokens is not None and self._tokens.has_ended(principal)

    def _known(self, token: str) -> Principal | None:
        if listed := principal_of(token, self._listed):
            return listed
        if shown := read_token(token):
            return self._keys.known(shown)
        return self._tokens.known(token) if self._tokens is not None else None

    async def _look_up(self, token: str, address: str) -> Principal:
        wait_s = self._failures.look(address, self._allowed_failures)
        if wait_s > 0:
            self._on_failure(LIMITED)
            raise TooManyRequests("too many wrong credentials came from this address", wait_s)
        if shown := read_token(token):
            return await self._keys.look_up(shown)
        if self._tokens is not None and is_token(token):
            return await self._tokens.check(token)
        raise Unauthorized("unknown", "this bearer token is not known here")

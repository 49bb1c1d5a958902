"""Tokens of authorization servers: checked once, and believed for a short while."""

import hashlib

from mcp_gateway.decisions.tokens import checked_claims, principal_of_claims, read_header
from mcp_gateway.domain.credentials import TokenPolicy
from mcp_gateway.domain.principals import Principal
from mcp_gateway.errors import Unauthorized
from mcp_gateway.ports import SigningKeys
from servicekit.clock import Clock

# An issuer that withdraws a signing key is heeded within this time and that of fetching its keys again.
BELIEVED_S = 60.0
MOST_TOKENS = 10_000


class IssuedTokens:
    """Who tokens mean, by the keys of those who issued them."""

    def __init__(self, keys: SigningKeys, policy: TokenPolicy, clock: Clock) -> None:
        self._keys = keys
        self._policy = policy
        self._clock = clock
        self._believed: dict[bytes, tuple[Principal, float]] = {}

    def known(self, token: str) -> Principal | None:
        """Who a token means that was checked a moment ago."""
        found = self._believed.get(_digest(token))
        if found is None or found[1] <= self._clock.monotonic() or self.has_ended(found[0]):
            return None
        return found[0]

    async def check(self, token: str) -> Principal:
        """Who the token means. Raises Unauthorized, Forbidden for one that has no role, Unavailable."""
        header = read_header(token, self._policy)
        key = await self._keys.find(header)
        if key is None:
            raise Unauthorized("signature", "the token is signed with a key that its issuer does not show")
        claims = checked_claims(token, key, header, self._policy, self._clock.now())
        principal = principal_of_claims(claims, self._policy)
        self._believe(token, principal)
        return principal

    def has_ended(self, principal: Principal) -> bool:
        """Whether its token's time is over."""
        return principal.expires_at is not None and principal.expires_at <= self._clock.now()

    def _believe(self, token: str, principal: Principal) -> None:
        now = self._clock.monotonic()
        if len(self._believed) >= MOST_TOKENS:
            self._believed = {digest: known for digest, known in self._believed.items() if known[1] > now}
        if len(self._believed) < MOST_TOKENS:
            self._believed[_digest(token)] = principal, now + BELIEVED_S


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

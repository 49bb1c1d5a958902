"""Who may do how much: callers, their keys, and their limits."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from contracts.access import ApiKey
from mcp_gateway.decisions.limiting import Rate
from mcp_gateway.domain.credentials import StoredKey, TokenHeader
from mcp_gateway.domain.needs import Effect
from mcp_gateway.domain.principals import Principal


class Admission(Protocol):
    """Lets callers in."""

    async def admit(self, authorization: str | None, address: str) -> Principal:
        """Who shows this Authorization header, from this client address.

        Raises Unauthorized, Forbidden for one without any role, TooManyRequests, Unavailable.
        """
        ...

    def has_ended(self, principal: Principal) -> bool:
        """Whether a caller that was let in would not be any more: what it left open is closed then."""
        ...


class Limits(Protocol):
    """How much a caller may do."""

    async def take(self, principal: Principal, effect: Effect) -> None:
        """Count one request. Raises TooManyRequests."""
        ...


class SharedBuckets(Protocol):
    """Buckets that all replicas share."""

    async def take(self, key: str, rate: Rate, wanted: int) -> tuple[int, float]:
        """Take at most so many: how many there were, and where none, how long to wait in s. Raises SharedStateAway."""
        ...


class Keys(Protocol):
    """API keys. Every method raises Unavailable while the database is away."""

    async def page(self, after: tuple[datetime, str] | None, limit: int) -> list[ApiKey]:
        """At most `limit` keys, newest first, beyond the given (created_at, key_id)."""
        ...

    async def add(self, key: StoredKey) -> None:
        """Keep a new key."""
        ...

    async def revoke(self, key_id: str, revoked_by: str, now: datetime) -> ApiKey | None:
        """End a key, if that was not done before; None where there is no such key."""
        ...

    async def load(self, key_ids: Sequence[str]) -> list[StoredKey]:
        """Those of the keys that there are."""
        ...

    async def note_used(self, used_at: Mapping[str, datetime]) -> None:
        """Keep when keys were last used."""
        ...


class SigningKeys(Protocol):
    """The public keys of authorization servers."""

    async def find(self, header: TokenHeader) -> Mapping[str, Any] | None:
        """The key (JWK) that checks such a token, None where its issuer has none. Raises Unavailable."""
        ...

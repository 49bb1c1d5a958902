"""Credentials as the gateway keeps or reads them."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.access import ApiKey, Role

ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Algorithms by which who checks a signature cannot make one."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key, and the SHA-256 of its secret."""

    key: ApiKey
    secret_sha256: bytes


@dataclass(frozen=True, slots=True)
class ShownKey:
    """An API key as a caller shows it."""

    key_id: str
    secret_sha256: bytes


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """Which tokens of authorization servers are accepted, and what they mean here."""

    issuers: Mapping[str, str | None]
    """Each with the address of its keys, or None to look it up at the issuer."""
    audiences: frozenset[str]
    algorithms: tuple[str, ...]
    roles: Mapping[str, Role]
    """What values of `role_claims` mean; all others mean nothing."""
    role_claims: tuple[str, ...]
    """A dot leads into an object."""
    name_claims: tuple[str, ...]
    """The first that a token has names the caller."""
    leeway_s: float

    def scopes_for(self, needed: Role) -> list[str]:
        """The values that mean exactly this role."""
        return [value for value, role in self.roles.items() if role is needed]


@dataclass(frozen=True, slots=True)
class TokenHeader:
    """What an unchecked token says of itself: enough to find the key that would check it."""

    issuer: str
    key_id: str | None
    algorithm: str


@dataclass(frozen=True, slots=True)
class KeyAges:
    """How long the keys of an authorization server are believed, in s."""

    refresh: float
    """They are fetched again when they are older than this, while calls go on with them."""
    pause: float
    """Two fetches of one issuer's keys are this far apart, whatever callers show."""
    keep: float
    """An issuer that is away is done without for this long."""

"""Who calls the gateway."""

from dataclasses import dataclass
from enum import StrEnum

from contracts.access import Role

_RANK = {role: rank for rank, role in enumerate(Role)}


class Kind(StrEnum):
    """How a caller is known."""

    local = "local"
    """It is on this machine, and nobody is asked who it is."""
    token = "token"
    """By a token of GATEWAY_TOKENS."""
    key = "key"
    """By an API key."""
    oauth = "oauth"
    """By a token of an authorization server."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credential was checked. `name` goes upstream as the actor."""

    name: str
    role: Role
    kind: Kind
    tools: frozenset[str] | None = None
    """Only these tools, and nothing else; None: all that the role may do."""
    key_id: str | None = None
    """The API key that was shown."""
    issuer: str | None = None
    """Who issued the token, where that was an authorization server."""

    @property
    def identity(self) -> str:
        """Tells callers apart whose names are the same, but not how they are known."""
        return f"{self.kind}:{self.issuer}:{self.name}" if self.issuer else f"{self.kind}:{self.name}"


LOCAL = Principal("local", Role.admin, Kind.local)


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """A token that is accepted, known by its SHA-256 alone."""

    name: str
    sha256: bytes
    role: Role = Role.operator


def reaches(role: Role, needed: Role) -> bool:
    """Whether who has `role` may do what needs `needed`."""
    return _RANK[role] >= _RANK[needed]

"""Who calls the gateway."""

from dataclasses import dataclass

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose token was checked. `name` goes upstream as the actor."""

    name: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """A token that is accepted, known by its SHA-256 alone."""

    name: str
    sha256: bytes

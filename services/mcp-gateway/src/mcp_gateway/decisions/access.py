"""Who may call: the tokens that are accepted, and whether the settings are safe to serve."""

import hashlib
import hmac
import ipaddress
import re
from enum import StrEnum

from contracts.access import Role
from mcp_gateway.domain.principals import Kind, Principal, TokenEntry
from mcp_gateway.errors import Unauthorized, UnsafeSetup

_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9_.@-]{1,100}):(?P<digest>[0-9a-fA-F]{64})(:(?P<role>[a-z]+))?$")

MIN_KEY = 32


class AuthMode(StrEnum):
    """How callers are known."""

    token = "token"
    local = "local"


def parse_tokens(text: str) -> tuple[TokenEntry, ...]:
    """Read `name:sha256,name:sha256:role`; an entry without a role is an operator's.

    Raises UnsafeSetup for an entry of another form, without repeating it.
    """
    entries: list[TokenEntry] = []
    for number, part in enumerate(filter(None, re.split(r"[,\s]+", text)), start=1):
        match = _ENTRY.match(part)
        if match is None:
            raise UnsafeSetup(
                f"GATEWAY_TOKENS: entry {number} is not name:sha256 (64 hexadecimal digits), or name:sha256:role; "
                "make the digest with: printf %s TOKEN | sha256sum"
            )
        entries.append(TokenEntry(match["name"], bytes.fromhex(match["digest"]), _role(match["role"], number)))
    return tuple(entries)


def parse_keys(text: str) -> tuple[str, ...]:
    """Read keys separated by commas. Raises UnsafeSetup for one that could be guessed, or is there twice."""
    keys = tuple(filter(None, re.split(r"[,\s]+", text)))
    for number, key in enumerate(keys, start=1):
        if len(key) < MIN_KEY:
            raise UnsafeSetup(
                f"GATEWAY_STATE_KEYS: key {number} has {len(key)} characters and needs {MIN_KEY} or more; "
                "make one with: openssl rand -hex 32"
            )
    if len(set(keys)) < len(keys):
        raise UnsafeSetup("GATEWAY_STATE_KEYS: a key is there twice; leave each in once, the one that seals first")
    return keys


def check_setup(mode: AuthMode, http_host: str, tokens: tuple[TokenEntry, ...], keys: tuple[str, ...]) -> None:
    """Raise UnsafeSetup when nobody could be told from anybody, nobody could call, or replicas could not agree."""
    if mode is AuthMode.local and not is_loopback(http_host):
        raise UnsafeSetup(
            f"AUTH_MODE=local lets everybody in and is for loopback only, but HTTP_HOST is {http_host}; "
            "set HTTP_HOST=127.0.0.1, or AUTH_MODE=token with GATEWAY_TOKENS"
        )
    if mode is AuthMode.token and not tokens:
        raise UnsafeSetup(
            "AUTH_MODE=token needs GATEWAY_TOKENS (name:sha256, comma separated), or nobody could call; "
            "for local development on loopback set AUTH_MODE=local"
        )
    if mode is AuthMode.token and not keys:
        raise UnsafeSetup(
            "AUTH_MODE=token needs GATEWAY_STATE_KEYS (comma separated, the same for all replicas), or none of them "
            "could go on with what another has asked; make one with: openssl rand -hex 32"
        )


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def principal_of(token: str, entries: tuple[TokenEntry, ...]) -> Principal | None:
    """Whose token it is. Takes the same time whichever entry matches, and when none does."""
    digest = hashlib.sha256(token.encode()).digest()
    found: Principal | None = None
    for entry in entries:
        if hmac.compare_digest(entry.sha256, digest):
            found = Principal(entry.name, entry.role, Kind.token)
    return found


def bearer_of(authorization: str | None) -> str:
    """The bearer token of an Authorization header. Raises Unauthorized where there is none."""
    if authorization is None:
        raise Unauthorized("missing", "a bearer token is needed: send the header Authorization: Bearer TOKEN")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("malformed", "the Authorization header holds no bearer token: send Bearer TOKEN")
    return token.strip()


def _role(text: str | None, number: int) -> Role:
    if text is None:
        return Role.operator
    if text not in set(Role):
        raise UnsafeSetup(f"GATEWAY_TOKENS: entry {number} has no known role; there are: {', '.join(Role)}")
    return Role(text)

"""Who may call: the tokens that are accepted, and whether the settings are safe to serve."""

import hashlib
import hmac
import ipaddress
import re
from enum import StrEnum

from mcp_gateway.domain.principals import Principal, TokenEntry
from mcp_gateway.errors import UnsafeSetup

_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9_.@-]{1,100}):(?P<digest>[0-9a-fA-F]{64})$")


class AuthMode(StrEnum):
    """How callers are known."""

    token = "token"
    local = "local"


def parse_tokens(text: str) -> tuple[TokenEntry, ...]:
    """Read `name:sha256,name:sha256`. Raises UnsafeSetup for an entry of another form, without repeating it."""
    entries: list[TokenEntry] = []
    for number, part in enumerate(filter(None, re.split(r"[,\s]+", text)), start=1):
        match = _ENTRY.match(part)
        if match is None:
            raise UnsafeSetup(
                f"GATEWAY_TOKENS: entry {number} is not name:sha256 (64 hexadecimal digits); "
                "make the digest with: printf %s TOKEN | sha256sum"
            )
        entries.append(TokenEntry(match["name"], bytes.fromhex(match["digest"])))
    return tuple(entries)


def check_setup(mode: AuthMode, http_host: str, tokens: tuple[TokenEntry, ...]) -> None:
    """Raise UnsafeSetup when nobody could be told from anybody, or nobody could call at all."""
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
            found = Principal(entry.name)
    return found

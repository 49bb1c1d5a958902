"""API keys: their form, and whether one that is shown lets its owner in.

The secret is 256 bits of chance, so a plain SHA-256 keeps it as safe as a slow hash would: nobody can try so many.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from contracts.access import ApiKey, NewApiKey, Role
from contracts.problems import FieldError
from mcp_gateway.domain.credentials import ShownKey, StoredKey
from mcp_gateway.domain.principals import Kind, Principal, reaches
from mcp_gateway.errors import InvalidInput, Unauthorized

PREFIX = "mews_"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_LENGTH = 43
"""So many characters of 62 are 256 bits."""

_SHOWN = re.compile(rf"{PREFIX}(?P<id>[0-9a-f]{{32}})_(?P<secret>[0-9A-Za-z]{{{SECRET_LENGTH}}})")
_NOBODYS = hashlib.sha256(b"").digest()


def token_of(key_id: str, secret: str) -> str:
    """What the owner of a key shows: one word, known by its prefix to those who search for leaked secrets."""
    return f"{PREFIX}{key_id.removeprefix('key-').replace('-', '')}_{secret}"


def read_token(token: str) -> ShownKey | None:
    """The key that a token is, if it has a key's form."""
    match = _SHOWN.fullmatch(token)
    if match is None:
        return None
    return ShownKey(f"key-{UUID(match['id'])}", digest_of(match["secret"]))


def digest_of(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def admitted(shown: ShownKey, stored: StoredKey | None, now: datetime) -> Principal:
    """The caller whose key it is. Raises Unauthorized; only who has the secret learns how a key has ended."""
    matches = hmac.compare_digest(stored.secret_sha256 if stored else _NOBODYS, shown.secret_sha256)
    if stored is None or not matches:
        raise Unauthorized("unknown", "this API key is not known here")
    key = stored.key
    if key.revoked_at is not None:
        raise Unauthorized("revoked", f"the API key {key.key_id} was revoked at {key.revoked_at:%Y-%m-%dT%H:%M:%SZ}")
    if has_expired(key, now):
        raise Unauthorized("expired", f"the API key {key.key_id} ended at {key.expires_at:%Y-%m-%dT%H:%M:%SZ}")
    return principal_of_key(key)


def principal_of_key(key: ApiKey) -> Principal:
    """Who shows this key."""
    return Principal(key.name, key.role, Kind.key, frozenset(key.tools) or None, key_id=key.key_id)


def is_live(key: ApiKey, now: datetime) -> bool:
    """Whether a key lets in."""
    return key.revoked_at is None and not has_expired(key, now)


def has_expired(key: ApiKey, now: datetime) -> bool:
    """Whether its time is over."""
    return key.expires_at is not None and key.expires_at <= now


def check_new(new: NewApiKey, tools: Mapping[str, Role], now: datetime) -> None:
    """Raise InvalidInput for a key that could never be used. `tools`: the least role that each needs."""
    errors: list[FieldError] = []
    if new.expires_at is not None and new.expires_at <= now:
        errors.append(FieldError(field="expires_at", message="is over already", value=new.expires_at.isoformat()))
    for place, tool in enumerate(new.tools):
        if tool not in tools:
            message = "is no tool of the manager"
            errors.append(FieldError(field=f"tools.{place}", message=message, value=tool, allowed=sorted(tools)))
        elif not reaches(new.role, tools[tool]):
            message = f"needs the role {tools[tool]}, and the key would have {new.role}"
            errors.append(FieldError(field=f"tools.{place}", message=message, value=tool))
    if errors:
        first = errors[0]
        raise InvalidInput(f"{first.field}: {first.value} {first.message}", errors=errors)

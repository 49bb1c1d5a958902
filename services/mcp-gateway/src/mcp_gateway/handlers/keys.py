"""API keys: made and revoked."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from contracts.access import ApiKey, IssuedApiKey, NewApiKey, Role
from mcp_gateway.decisions.keys import ALPHABET, SECRET_LENGTH, check_new, digest_of, token_of
from mcp_gateway.domain.credentials import StoredKey
from mcp_gateway.errors import NotFound
from mcp_gateway.ports import Keys


async def create(
    key_id: str, new: NewApiKey, created_by: str, tools: Mapping[str, Role], keys: Keys, now: datetime
) -> IssuedApiKey:
    """Make a key. `tools`: the least role that each tool needs. Raises InvalidInput, Unavailable."""
    check_new(new, tools, now)
    secret = "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))
    key = ApiKey(key_id=key_id, created_by=created_by, created_at=now, **dict(new))
    await keys.add(StoredKey(key, digest_of(secret)))
    return IssuedApiKey(key=key, token=token_of(key_id, secret))


async def revoke(key_id: str, revoked_by: str, keys: Keys, now: datetime) -> ApiKey:
    """End a key; doing it again changes nothing. Raises NotFound, Unavailable."""
    revoked = await keys.revoke(key_id, revoked_by, now)
    if revoked is None:
        raise NotFound(f"no API key {key_id}; mews keys list shows the keys there are")
    return revoked

"""Passwords and tokens of the local system: made once, kept in a file that the user alone can read."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devstack.admin import SCHEMAS, SchemaRoles
from devstack.files import write_atomically
from devstack.services import SERVICES

PASSWORD_BYTES = 24
CALLING = sorted({caller for service in SERVICES for caller in service.callers})


@dataclass(frozen=True)
class Credentials:
    """What the servers and services of one system show each other."""

    postgres_password: str = field(repr=False)
    redis_password: str = field(repr=False)
    service_tokens: Mapping[str, str] = field(repr=False)
    """By service, the token that it shows to others."""
    gateway_state_key: str = field(repr=False)
    roles: tuple[SchemaRoles, ...]

    def roles_of(self, schema: str) -> SchemaRoles:
        """The two roles of one schema."""
        return next(one for one in self.roles if one.schema == schema)

    def caller(self, service: str) -> str:
        """A service as those that it calls know it: its name, and the digest of its token."""
        return f"{service}:{hashlib.sha256(self.service_tokens[service].encode()).hexdigest()}"


def load_credentials(path: Path) -> Credentials:
    """Read the credentials, and make and save those that are not there yet."""
    saved: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    complete = {name: saved.get(name) or secrets.token_urlsafe(PASSWORD_BYTES) for name in _names()}
    if complete != saved:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, json.dumps(complete, indent=2) + "\n", mode=0o600)
    return Credentials(
        postgres_password=complete["postgres"],
        redis_password=complete["redis"],
        service_tokens={name: complete[_token_of(name)] for name in CALLING},
        gateway_state_key=complete["gateway_state_key"],
        roles=tuple(SchemaRoles(s, complete[f"{s}_owner"], complete[f"{s}_app"]) for s in SCHEMAS),
    )


def _names() -> list[str]:
    roles = [f"{schema}_{role}" for schema in SCHEMAS for role in ("owner", "app")]
    tokens = [_token_of(name) for name in CALLING]
    return ["postgres", "redis", "gateway_state_key", *tokens, *roles]


def _token_of(service: str) -> str:
    return f"{service}_token"

"""What NATS is told about operator, accounts and users: JSON Web Tokens in its form. Pure functions."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts import permissions
from contracts.permissions import Rights
from servicekit.bus.keys import KeyPair

HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}
VERSION = 2
NO_LIMIT = -1
# A worker has one connection; while one process takes over from another there are two of each.
WORKER_CONNECTIONS = 4
WORKER_SUBSCRIPTIONS = 256
# A batch, a part of an object or a request of a worker is smaller; assignments, which are not, are for it to hear.
WORKER_PAYLOAD_BYTES = 1024 * 1024
PUSH = "$SYS.REQ.CLAIMS.UPDATE"

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class UserLimits:
    """What NATS lets one connection of a user do: subscriptions, and bytes of a message that it publishes."""

    subscriptions: int = NO_LIMIT
    payload_bytes: int = NO_LIMIT


UNLIMITED = UserLimits()
WORKER_LIMITS = UserLimits(WORKER_SUBSCRIPTIONS // WORKER_CONNECTIONS, WORKER_PAYLOAD_BYTES)


@dataclass(frozen=True, slots=True)
class Revocations:
    """User keys, and until when (seconds) whatever was issued to them counts no more."""

    until: Mapping[str, int] = field(default_factory=dict[str, int])


def operator(key: KeyPair, system_account: str) -> Claims:
    """The root of trust, which NATS servers are started with."""
    return {"sub": key.public, "name": "mews", "nats": _typed("operator") | {"system_account": system_account}}


def system_account(key: KeyPair) -> Claims:
    """The account of the servers themselves: accounts are told to them there."""
    return {"sub": key.public, "name": "SYS", "nats": _typed("account") | {"limits": _account_limits()}}


def platform_account(key: KeyPair, revoked: Revocations) -> Claims:
    """The account that has the streams and the services, and offers workers what they need."""
    limits = _account_limits() | {
        "mem_storage": NO_LIMIT,
        "disk_storage": NO_LIMIT,
        "streams": NO_LIMIT,
        "consumer": NO_LIMIT,
    }
    exports = [_export(service) for service in permissions.services_for(permissions.EVERY_WORKER)]
    body = {"limits": limits, "exports": exports, "revocations": dict(revoked.until)}
    return {"sub": key.public, "name": "MEWS", "nats": _typed("account") | body}


def worker_account(key: KeyPair, worker_id: str, platform: str, revoked: Revocations) -> Claims:
    """A worker's own account: all that there is in it is what it takes from the platform's."""
    imports = [
        {"subject": service.subject, "account": platform, "type": "service"}
        for service in permissions.services_for(worker_id)
    ]
    limits = _account_limits() | {
        "conn": WORKER_CONNECTIONS,
        "leaf": 0,
        "subs": WORKER_SUBSCRIPTIONS,
        "payload": WORKER_PAYLOAD_BYTES,
        "imports": len(imports),
        "exports": 0,
        "wildcards": False,
        "disallow_bearer": True,
    }
    body = {"limits": limits, "imports": imports, "revocations": dict(revoked.until)}
    return {"sub": key.public, "name": f"worker {worker_id}", "nats": _typed("account") | body}


def user(key: str, name: str, rights: Rights, expires_at: datetime | None, limits: UserLimits = UNLIMITED) -> Claims:
    """A user with exact rights; `key` is its public key."""
    body = {
        "pub": {"allow": list(rights.publish)},
        "sub": {"allow": list(rights.subscribe)},
        "subs": limits.subscriptions,
        "data": NO_LIMIT,
        "payload": limits.payload_bytes,
        "allowed_connection_types": ["STANDARD"],
    }
    expiry = {"exp": int(expires_at.timestamp())} if expires_at else {}
    return {"sub": key, "name": name, "nats": _typed("user") | body} | expiry


def system_rights() -> Rights:
    """What it takes to tell the servers about accounts."""
    return Rights((PUSH,), ("_INBOX.>",))


def maintenance_rights() -> Rights:
    """What it takes to back up, restore and purge streams and buckets of the platform."""
    return Rights(("$JS.>",), ("_INBOX.>",))


def signed(claims: Claims, issuer: KeyPair, issued_at: int) -> str:
    """The token, signed; the same claims at the same second give the same."""
    body = claims | {"iss": issuer.public, "iat": issued_at}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
    body["jti"] = base64.b32encode(digest).rstrip(b"=").decode()
    token = f"{_encoded(HEADER)}.{_encoded(body)}"
    return f"{token}.{_text(issuer.sign(token.encode()))}"


def read(token: str) -> Claims:
    """What a token says, whoever signed it."""
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def _export(service: permissions.Service) -> Claims:
    kind = {"response_type": "Stream"} if service.streams else {"response_type": "Singleton"}
    return {"subject": service.subject, "type": "service", **kind}


def _typed(kind: str) -> Claims:
    return {"type": kind, "version": VERSION}


def _account_limits() -> Claims:
    unlimited = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), NO_LIMIT)
    return unlimited | {"wildcards": True}


def _encoded(value: Claims) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

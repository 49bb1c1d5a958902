"""What each Secret must hold, given what it holds already: what is random is made once, and never again.

What only follows from other values (who may call a service) follows them: it gains entries, and loses none.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping

from devstack.admin import SCHEMAS
from devstack.cluster import release
from devstack.services import SERVICES, ServiceSpec

PASSWORD_BYTES = 24
ADMIN = "admin"
ADMIN_PASSWORD, REDIS_PASSWORD = "admin_password", "password"
STATE_KEYS, ADMIN_TOKEN, TOKENS = "gateway_state_keys", "admin_token", "tokens"

Data = Mapping[str, str]


def wanted(group: str, kept: Data) -> Data:
    """All values of a group, those that are kept as they are."""
    return CONTENTS[group](kept)


def password_of(role: str) -> str:
    """The key of a database role's password."""
    return f"{role}_password"


def postgres(kept: Data) -> Data:
    """Passwords of the administrator and of two roles for each schema."""
    roles = [f"{schema}_{role}" for schema in SCHEMAS for role in ("owner", "app")]
    return _random(kept, ADMIN_PASSWORD, *map(password_of, roles))


def redis(kept: Data) -> Data:
    """The password of the cache."""
    return _random(kept, REDIS_PASSWORD)


def services(kept: Data) -> Data:
    """A token for each service, and for each service the digests of those that may call it."""
    known = _random(kept, STATE_KEYS, *(f"{service.name}_token" for service in SERVICES))
    return known | {f"{service.name}_callers": _callers(service, known) for service in SERVICES}


def gateway(kept: Data) -> Data:
    """A token for the first administrator, and what the gateway knows of it."""
    known = _random(kept, ADMIN_TOKEN)
    entry = f"{ADMIN}:{_digest(known[ADMIN_TOKEN])}:{ADMIN}"
    # Empty, it says that nobody is let in by it any more.
    return {**known, TOKENS: kept.get(TOKENS, entry)}


CONTENTS: Mapping[str, Callable[[Data], Data]] = {
    release.POSTGRES: postgres,
    release.REDIS: redis,
    release.SERVICES: services,
    release.GATEWAY: gateway,
}


def _random(kept: Data, *names: str) -> dict[str, str]:
    return {**kept, **{name: kept.get(name) or secrets.token_urlsafe(PASSWORD_BYTES) for name in names}}


def _callers(service: ServiceSpec, known: Data) -> str:
    before = [entry for entry in known.get(f"{service.name}_callers", "").split(",") if entry]
    today = [f"{caller}:{_digest(known[f'{caller}_token'])}" for caller in service.callers]
    return ",".join([*before, *(entry for entry in today if entry not in before)])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

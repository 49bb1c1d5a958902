"""Authorization servers: where they say what they are, and whether that can be believed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from contracts.access import Role
from mcp_gateway.decisions.access import is_loopback
from mcp_gateway.domain.credentials import ASYMMETRIC
from mcp_gateway.errors import UnsafeSetup

OAUTH_DOCUMENT = "/.well-known/oauth-authorization-server"
OPENID_DOCUMENT = "/.well-known/openid-configuration"
RESOURCE_DOCUMENT = "/.well-known/oauth-protected-resource"


def parse_issuers(texts: Iterable[str]) -> dict[str, str | None]:
    """Read `https://issuer` or `https://issuer=https://address/of/its/keys`. Raises UnsafeSetup."""
    found: dict[str, str | None] = {}
    for text in texts:
        issuer, _, keys = text.partition("=")
        for url in filter(None, (issuer, keys)):
            check_address(url, "GATEWAY_OAUTH_ISSUERS")
        found[issuer] = keys or None
    return found


def check_oauth(issuers: Sequence[str], resource: str | None) -> None:
    """Raise UnsafeSetup for issuers whose tokens could be for anybody."""
    if not issuers:
        return
    if resource is None:
        raise UnsafeSetup(
            "GATEWAY_OAUTH_ISSUERS needs GATEWAY_RESOURCE_URL, the address of /mcp as clients know it, or a token that "
            "was given for another service would be good here"
        )
    check_address(resource, "GATEWAY_RESOURCE_URL")


def parse_roles(texts: Iterable[str]) -> dict[str, Role]:
    """Read `value=role`. Raises UnsafeSetup."""
    found: dict[str, Role] = {}
    for text in texts:
        value, _, role = text.rpartition("=")
        if not value or role not in set(Role):
            raise UnsafeSetup(f"GATEWAY_OAUTH_ROLES: {text!r} is not value=role; roles are {', '.join(Role)}")
        found[value] = Role(role)
    return found


def check_algorithms(algorithms: Iterable[str]) -> tuple[str, ...]:
    """The algorithms, all of them asymmetric. Raises UnsafeSetup."""
    given = tuple(algorithms)
    wrong = [one for one in given if one not in ASYMMETRIC]
    if wrong or not given:
        raise UnsafeSetup(f"GATEWAY_OAUTH_ALGORITHMS: {', '.join(wrong) or 'none'}: choose of {', '.join(ASYMMETRIC)}")
    return given


def check_address(url: str, setting: str) -> None:
    """Raise UnsafeSetup unless nobody on the way can change what is there: https, or http on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname and not parts.username:
        return
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return
    raise UnsafeSetup(f"{setting}: {url!r} must be an https address (http on loopback alone), without a user in it")


def metadata_addresses(issuer: str) -> tuple[str, ...]:
    """Where an issuer says what it is: RFC 8414, then OpenID Connect Discovery."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return (
        parts._replace(path=f"{OAUTH_DOCUMENT}{path}").geturl(),
        parts._replace(path=f"{path}{OPENID_DOCUMENT}").geturl(),
    )


def keys_address(document: Any, issuer: str) -> str | None:
    """Where an issuer's keys are, by its own document; None for a document that is not this issuer's."""
    if not isinstance(document, Mapping):
        return None
    said = cast("Mapping[str, Any]", document)
    address = said.get("jwks_uri")
    if said.get("issuer") != issuer or not isinstance(address, str):
        return None
    try:
        check_address(address, "jwks_uri")
    except UnsafeSetup:
        return None
    return address


def read_keys(document: Any) -> list[Mapping[str, Any]] | None:
    """The keys of a JWK Set; None for what is none."""
    keys = cast("Mapping[str, Any]", document).get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list):
        return None
    return [cast("Mapping[str, Any]", key) for key in cast("list[Any]", keys) if isinstance(key, Mapping)]


def resource_path(resource: str) -> str:
    """The path at which RFC 9728 has a client look for what this resource needs."""
    return f"{RESOURCE_DOCUMENT}{urlsplit(resource).path.rstrip('/')}"


def resource_document(resource: str, issuers: Iterable[str], scopes: Iterable[str]) -> dict[str, Any]:
    """What this resource needs (RFC 9728)."""
    return {
        "resource": resource,
        "authorization_servers": list(issuers),
        "scopes_supported": list(scopes),
        "bearer_methods_supported": ["header"],
        "resource_name": "mews",
    }

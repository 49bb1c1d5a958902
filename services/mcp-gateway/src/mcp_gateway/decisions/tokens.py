"""Tokens of authorization servers (JWT, RFC 9068): what they say of themselves, whether it holds, and who they mean."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import jwt

from contracts.access import Role
from mcp_gateway.domain.credentials import TokenHeader, TokenPolicy
from mcp_gateway.domain.principals import Kind, Principal, rank
from mcp_gateway.errors import Forbidden, Unauthorized

Claims = Mapping[str, Any]

MAX_TOKEN = 16_384
MAX_NAME = 200
# The year 9999: beyond, a time is none.
MAX_SECONDS = 253_402_300_000
# A token of another kind, such as one about an identity or a logout, is none to call with.
ACCESS_TYPES = frozenset({None, "jwt", "at+jwt", "application/at+jwt"})
# All claims are checked here: the library would read the clock.
SIGNATURE_ALONE: Any = {
    "verify_signature": True,
    "enforce_minimum_key_length": True,
    **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub"), False),
    "verify_jti": False,
}


def is_token(text: str) -> bool:
    """Whether a bearer token has the form of a JWT."""
    return text.count(".") == 2 and len(text) <= MAX_TOKEN


def read_header(token: str, policy: TokenPolicy) -> TokenHeader:
    """What the token claims to be. Raises Unauthorized unless it may be one of ours at all."""
    try:
        header = jwt.get_unverified_header(token)
        claims: Claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Unauthorized("malformed", "the bearer token is no JWT that can be read") from error
    issuer, algorithm, key_id = claims.get("iss"), header.get("alg"), header.get("kid")
    if algorithm not in policy.algorithms:
        raise Unauthorized("algorithm", f"the token is not signed with one of {', '.join(policy.algorithms)}")
    if _lower(header.get("typ")) not in ACCESS_TYPES:
        raise Unauthorized("malformed", "the token is no access token by its typ")
    if not isinstance(issuer, str) or issuer not in policy.issuers:
        raise Unauthorized("issuer", "the token comes from an issuer that is not accepted here")
    return TokenHeader(issuer, key_id if isinstance(key_id, str) else None, str(algorithm))


def fitting_key(keys: Iterable[Claims], header: TokenHeader) -> Claims | None:
    """The key that would check the token; where the token names none, the only one there is."""
    usable = [key for key in keys if _may_check(key, header)]
    if header.key_id is None:
        return usable[0] if len(usable) == 1 else None
    return next((key for key in usable if key.get("kid") == header.key_id), None)


def checked_claims(token: str, key: Claims, header: TokenHeader, policy: TokenPolicy, now: datetime) -> Claims:
    """What the token says, once its signature, issuer, audience and time hold. Raises Unauthorized."""
    try:
        public = jwt.PyJWK(dict(key), algorithm=header.algorithm)
        claims: Claims = jwt.decode(token, public, algorithms=[header.algorithm], options=SIGNATURE_ALONE)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise Unauthorized("signature", "the token's signature does not hold") from error
    _check_claims(claims, header, policy, now.timestamp())
    return claims


def principal_of_claims(claims: Claims, policy: TokenPolicy) -> Principal:
    """Who the token means. Raises Unauthorized for one without a name, Forbidden for one without a role."""
    name = next((claims[one] for one in policy.name_claims if claims.get(one)), None)
    if not isinstance(name, str) or len(name) > MAX_NAME or not name.isprintable():
        raise Unauthorized("malformed", f"the token names nobody in {', '.join(policy.name_claims)}")
    roles = {policy.roles[value] for value in _values(claims, policy.role_claims) if value in policy.roles}
    if not roles:
        known = ", ".join(policy.roles)
        raise Forbidden(f"the token of {name} has none of the scopes {known}", Role.viewer)
    expires_at = datetime.fromtimestamp(claims["exp"] + policy.leeway_s, UTC)
    role = max(roles, key=rank)
    return Principal(name, role, Kind.oauth, issuer=str(claims["iss"]), expires_at=expires_at)


def _may_check(key: Claims, header: TokenHeader) -> bool:
    signs = key.get("use") in {None, "sig"} and "verify" in (key.get("key_ops") or ["verify"])
    return signs and key.get("kty") in {"RSA", "EC", "OKP"} and key.get("alg") in {None, header.algorithm}


def _check_claims(claims: Claims, header: TokenHeader, policy: TokenPolicy, now_s: float) -> None:
    if claims.get("iss") != header.issuer:
        raise Unauthorized("issuer", "the token comes from an issuer that is not accepted here")
    if policy.audiences.isdisjoint(_texts(claims.get("aud"))):
        wanted = ", ".join(sorted(policy.audiences))
        raise Unauthorized("audience", f"the token is for somebody else: its audience is not {wanted}")
    if not _moment(claims.get("exp")) + policy.leeway_s > now_s:
        raise Unauthorized("expired", "the token has expired, or says not when it does; ask for a new one")
    if "nbf" in claims and not _moment(claims["nbf"]) - policy.leeway_s <= now_s:
        raise Unauthorized("expired", "the token is not valid yet")


def _moment(value: Any) -> float:
    """Seconds; what is no time compares with no other."""
    is_time = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_time and abs(value) < MAX_SECONDS else math.nan


def _values(claims: Claims, names: Iterable[str]) -> set[str]:
    return {value for name in names for text in _texts(_at(claims, name)) for value in text.split()}


def _at(claims: Claims, name: str) -> Any:
    """A claim, or where it is not there by its whole name, what a dot leads to."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = cast("Claims", found).get(part) if isinstance(found, Mapping) else None
    return found


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in cast("list[Any]", value) if isinstance(one, str)] if isinstance(value, list) else []


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value

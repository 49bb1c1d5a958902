"""Tokens of authorization servers: which hold, and who they mean. Every one is really signed."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from contracts.access import Role
from mcp_gateway.decisions.issuers import (
    check_algorithms,
    check_oauth,
    keys_address,
    metadata_addresses,
    parse_issuers,
    parse_roles,
    read_keys,
    resource_path,
)
from mcp_gateway.decisions.tokens import checked_claims, fitting_key, is_token, principal_of_claims, read_header
from mcp_gateway.domain.credentials import TokenPolicy
from mcp_gateway.domain.principals import Kind, Principal
from mcp_gateway.errors import Forbidden, Unauthorized, UnsafeSetup
from servicekit.clock import SystemClock
from tests.support.issuing import RESOURCE, RSA, Issuer, public_key

ISSUER_URL = "https://idp.example.com"
NOW = SystemClock().now()


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    made = Issuer()
    made.url = ISSUER_URL
    made.add_key("rsa", algorithm="RS256")
    return made


def policy(**changes: Any) -> TokenPolicy:
    given: dict[str, Any] = {
        "issuers": {ISSUER_URL: None},
        "audiences": frozenset({RESOURCE}),
        "algorithms": ("ES256", "RS256"),
        "roles": {f"mews:{role}": role for role in Role},
        "role_claims": ("scope", "realm_access.roles"),
        "name_claims": ("sub", "client_id"),
        "leeway_s": 30.0,
    }
    return TokenPolicy(**(given | changes))


def admitted(issuer: Issuer, token: str, wanted: TokenPolicy | None = None) -> Principal:
    wanted = wanted or policy()
    header = read_header(token, wanted)
    key = fitting_key(issuer.shown, header)
    if key is None:
        raise Unauthorized("signature", "no such key")
    return principal_of_claims(checked_claims(token, key, header, wanted, NOW), wanted)


def in_s(seconds: float) -> float:
    return (NOW + timedelta(seconds=seconds)).timestamp()


def refusal(issuer: Issuer, token: str, wanted: TokenPolicy | None = None) -> str:
    with pytest.raises(Unauthorized) as caught:
        admitted(issuer, token, wanted)
    assert token not in caught.value.detail
    return caught.value.reason


@pytest.mark.parametrize("key_id", ["first", "rsa"])
def test_a_token_that_holds_names_its_caller(issuer: Issuer, key_id: str) -> None:
    principal = admitted(issuer, issuer.token(key_id))
    assert (principal.name, principal.role, principal.kind) == ("alice", Role.operator, Kind.oauth)
    assert principal.issuer == ISSUER_URL
    assert principal.identity == f"oauth:{ISSUER_URL}:alice"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://evil.example.com"}, "issuer"),
        ({"iss": f"{ISSUER_URL}/"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "https://other.example.com/mcp"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": ["https://other.example.com", 3]}, "audience"),
        ({"exp": None}, "expired"),
        ({"exp": "tomorrow"}, "expired"),
        ({"exp": 1e300}, "expired"),
        ({"exp": True}, "expired"),
        ({"nbf": "never"}, "expired"),
        ({"sub": None}, "malformed"),
        ({"sub": 7}, "malformed"),
        ({"sub": "a\x1b[2Jb"}, "malformed"),
        ({"sub": "a" * 201}, "malformed"),
    ],
)
def test_a_token_that_does_not_hold_is_refused(issuer: Issuer, claims: dict[str, Any], reason: str) -> None:
    assert refusal(issuer, issuer.token(**claims)) == reason


def test_a_token_holds_within_its_time_give_or_take_the_leeway(issuer: Issuer) -> None:
    assert admitted(issuer, issuer.token(exp=in_s(-29))).name == "alice"
    assert refusal(issuer, issuer.token(exp=in_s(-31))) == "expired"
    assert admitted(issuer, issuer.token(nbf=in_s(29))).name == "alice"
    assert refusal(issuer, issuer.token(nbf=in_s(31))) == "expired"


def test_one_of_several_audiences_is_enough(issuer: Issuer) -> None:
    assert admitted(issuer, issuer.token(aud=["account", RESOURCE])).name == "alice"


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"scope": "openid mews:viewer"}, Role.viewer),
        ({"scope": "mews:viewer mews:admin mews:operator"}, Role.admin),
        ({"scope": ["mews:operator"]}, Role.operator),
        ({"scope": None, "realm_access": {"roles": ["mews:admin", 3]}}, Role.admin),
        ({"scope": "", "realm_access.roles": "mews:viewer"}, Role.viewer),
    ],
)
def test_the_highest_role_that_a_token_has_counts(issuer: Issuer, claims: dict[str, Any], role: Role) -> None:
    assert admitted(issuer, issuer.token(**claims)).role is role


@pytest.mark.parametrize("scope", [None, "", "admin", "mews:root", "xmews:admin", {"mews:admin": 1}, 3])
def test_a_token_without_a_role_is_known_but_may_nothing(issuer: Issuer, scope: Any) -> None:
    with pytest.raises(Forbidden, match=r"alice has none of the scopes") as caught:
        admitted(issuer, issuer.token(scope=scope))
    assert caught.value.needed is Role.viewer


def test_a_programs_token_is_named_by_its_client(issuer: Issuer) -> None:
    assert admitted(issuer, issuer.token(sub=None, client_id="ci")).name == "ci"


def test_a_token_changed_by_one_character_is_refused(issuer: Issuer) -> None:
    head, body, signature = issuer.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(claims | {"scope": "mews:admin"}).encode()).rstrip(b"=").decode()
    assert refusal(issuer, f"{head}.{forged}.{signature}") == "signature"
    assert refusal(issuer, f"{head}.{body}.{'A' * len(signature)}") == "signature"
    assert refusal(issuer, f"{head}.{body}.") == "signature"


def test_no_algorithm_and_shared_secrets_are_refused(issuer: Issuer) -> None:
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, "none", headers={"kid": "first"})
    assert refusal(issuer, unsigned) == "algorithm"
    # The public key as the secret of an HMAC: by hand, for no library makes such a token.
    secret = json.dumps(public_key(RSA, "rsa")).encode()
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "rsa"}, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = base64.urlsafe_b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).rstrip(b"=")
    assert refusal(issuer, b".".join([signed, mac]).decode()) == "algorithm"


def test_a_key_checks_only_what_it_is_for(issuer: Issuer) -> None:
    header = read_header(issuer.token("rsa"), policy())
    key = public_key(RSA, "rsa")
    assert fitting_key([key], header) == key
    for change in ({"use": "enc"}, {"key_ops": ["sign"]}, {"alg": "RS512"}, {"kty": "oct"}, {"kid": "other"}):
        assert fitting_key([key | change], header) is None
    unnamed = read_header(issuer.token("rsa", headers={"kid": None}), policy())
    assert fitting_key([key], unnamed) == key
    assert fitting_key([key, key | {"kid": "second"}], unnamed) is None


def test_a_short_key_is_refused(issuer: Issuer) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = jwt.encode(claims, short, "RS256", headers={"kid": "short"})
    header = read_header(token, policy())
    with pytest.raises(Unauthorized, match="signature"):
        checked_claims(token, public_key(short, "short"), header, policy(), NOW)


@pytest.mark.parametrize("headers", [{"typ": "logout+jwt"}, {"crit": ["exp"], "exp": 1}])
def test_a_token_of_another_kind_is_refused(issuer: Issuer, headers: dict[str, Any]) -> None:
    assert refusal(issuer, issuer.token(headers=headers)) in {"malformed", "signature"}


@pytest.mark.parametrize("token", ["a.b.c", "..", "eyJhbGciOiJFUzI1NiJ9.e30.", "{}.{}.{}", "\u00e4.\u00f6.\u00fc"])
def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    assert is_token(token)
    assert refusal(issuer, token) in {"malformed", "issuer"}


def test_a_token_beyond_all_measure_is_none() -> None:
    assert not is_token(f"{'a' * 16_384}.b.c")
    assert not is_token("a.b")


def test_issuers_are_looked_up_where_the_standards_say() -> None:
    assert metadata_addresses("https://idp.example.com/realms/mews") == (
        "https://idp.example.com/.well-known/oauth-authorization-server/realms/mews",
        "https://idp.example.com/realms/mews/.well-known/openid-configuration",
    )
    document = {"issuer": ISSUER_URL, "jwks_uri": f"{ISSUER_URL}/keys"}
    assert keys_address(document, ISSUER_URL) == f"{ISSUER_URL}/keys"
    for wrong in ({"issuer": "https://other"}, {"jwks_uri": "http://idp.example.com/keys"}, {"jwks_uri": 3}):
        assert keys_address(document | wrong, ISSUER_URL) is None
    assert keys_address([], ISSUER_URL) is None
    assert (read_keys({"keys": [{"kid": "a"}, 3]}), read_keys({"keys": {}}), read_keys([])) == (
        [{"kid": "a"}],
        None,
        None,
    )


def test_the_resource_says_where_its_metadata_is() -> None:
    assert resource_path(RESOURCE) == "/.well-known/oauth-protected-resource/mcp"
    assert resource_path("https://mews.example.com") == "/.well-known/oauth-protected-resource"


def test_settings_are_read() -> None:
    assert parse_issuers([ISSUER_URL, "https://b=https://b/keys"]) == {ISSUER_URL: None, "https://b": "https://b/keys"}
    assert parse_roles(["https://x/y=z=admin"]) == {"https://x/y=z": Role.admin}
    assert check_algorithms(["EdDSA"]) == ("EdDSA",)
    check_oauth([], None)
    check_oauth(["http://127.0.0.1:1"], "http://localhost:8080/mcp")


@pytest.mark.parametrize(
    ("check", "given", "said"),
    [
        (parse_issuers, ["http://idp.example.com"], "https"),
        (parse_issuers, ["https://user:pw@idp.example.com"], "without a user"),
        (parse_issuers, ["https://a=http://b/keys"], "https"),
        (parse_roles, ["admin"], "value=role"),
        (parse_roles, ["x=king"], "viewer, operator, admin"),
        (check_algorithms, ["HS256"], "HS256"),
        (check_algorithms, ["none"], "none"),
        (check_algorithms, [], "none"),
    ],
)
def test_settings_that_are_not_safe_are_refused(check: Any, given: list[str], said: str) -> None:
    with pytest.raises(UnsafeSetup, match=said):
        check(given)


def test_issuers_need_the_address_of_the_resource() -> None:
    with pytest.raises(UnsafeSetup, match="GATEWAY_RESOURCE_URL"):
        check_oauth([ISSUER_URL], None)
    with pytest.raises(UnsafeSetup, match="GATEWAY_RESOURCE_URL"):
        check_oauth([ISSUER_URL], "http://mews.example.com/mcp")

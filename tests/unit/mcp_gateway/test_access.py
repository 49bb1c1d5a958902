import hashlib

import pytest

from contracts.access import Role
from mcp_gateway.decisions.access import (
    AuthMode,
    bearer_of,
    check_setup,
    is_loopback,
    parse_keys,
    parse_tokens,
    principal_of,
)
from mcp_gateway.errors import Unauthorized, UnsafeSetup

ALICE, BOB = (f"{name}:{hashlib.sha256(token).hexdigest()}" for name, token in [("alice", b"a"), ("bob", b"b")])

KEY = "k" * 32


@pytest.mark.parametrize("text", [f"{ALICE},{BOB}", f" {ALICE} ,\n{BOB.upper().replace('BOB', 'bob')}"])
def test_a_token_is_known_by_its_digest(text: str) -> None:
    entries = parse_tokens(text)
    assert [entry.name for entry in entries] == ["alice", "bob"]
    assert getattr(principal_of("b", entries), "name", None) == "bob"


@pytest.mark.parametrize("token", ["", "c", "alice", hashlib.sha256(b"a").hexdigest()])
def test_any_other_token_is_nobodys(token: str) -> None:
    assert principal_of(token, parse_tokens(ALICE)) is None


@pytest.mark.parametrize("text", ["secret", "alice:secret", f"{ALICE},x", ":" + "0" * 64, "a b:" + "0" * 64])
def test_a_malformed_entry_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UnsafeSetup, match="not name:sha256") as caught:
        parse_tokens(text)
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_local_mode_serves_loopback(host: str) -> None:
    assert is_loopback(host)
    check_setup(AuthMode.local, host, ())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.example.com", ""])
def test_local_mode_serves_nothing_but_loopback(host: str) -> None:
    with pytest.raises(UnsafeSetup, match="HTTP_HOST"):
        check_setup(AuthMode.local, host, ())


def test_token_mode_serves_any_host_with_keys_that_seal_and_none_without() -> None:
    check_setup(AuthMode.token, "0.0.0.0", (KEY,))
    with pytest.raises(UnsafeSetup, match="GATEWAY_STATE_KEYS"):
        check_setup(AuthMode.token, "127.0.0.1", ())


def test_a_token_has_the_role_that_is_said_and_else_an_operators() -> None:
    entries = parse_tokens(f"{ALICE}:admin,{BOB}")
    assert [entry.role for entry in entries] == [Role.admin, Role.operator]
    with pytest.raises(UnsafeSetup, match=r"viewer, operator, admin"):
        parse_tokens(f"{ALICE}:king")


@pytest.mark.parametrize(
    ("header", "reason"),
    [(None, "missing"), ("Basic x", "malformed"), ("Bearer", "malformed"), ("Bearer  ", "malformed")],
)
def test_a_header_without_a_bearer_token_is_refused(header: str | None, reason: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        bearer_of(header)
    assert caught.value.reason == reason


def test_the_scheme_may_be_written_in_any_case() -> None:
    assert bearer_of("bearer  abc ") == "abc"


def test_keys_are_read_in_their_order() -> None:
    assert parse_keys(f" {KEY}b , {KEY}a ") == (f"{KEY}b", f"{KEY}a")
    assert parse_keys("") == ()


@pytest.mark.parametrize(
    ("text", "why"), [("guessable", "key 1"), (f"{KEY},short", "key 2"), (f"{KEY},{KEY}", "twice")]
)
def test_a_key_that_could_be_guessed_or_is_there_twice_is_refused_without_repeating_it(text: str, why: str) -> None:
    with pytest.raises(UnsafeSetup, match=why) as caught:
        parse_keys(text)
    assert text not in caught.value.detail

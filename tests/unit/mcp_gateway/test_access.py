import hashlib

import pytest

from mcp_gateway.decisions.access import AuthMode, check_setup, is_loopback, parse_keys, parse_tokens, principal_of
from mcp_gateway.errors import UnsafeSetup

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
    check_setup(AuthMode.local, host, (), ())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.example.com", ""])
def test_local_mode_serves_nothing_but_loopback(host: str) -> None:
    with pytest.raises(UnsafeSetup, match="HTTP_HOST"):
        check_setup(AuthMode.local, host, (), ())


def test_token_mode_serves_any_host_with_tokens_and_keys_and_none_without() -> None:
    check_setup(AuthMode.token, "0.0.0.0", parse_tokens(ALICE), (KEY,))
    with pytest.raises(UnsafeSetup, match="GATEWAY_TOKENS"):
        check_setup(AuthMode.token, "127.0.0.1", (), (KEY,))
    with pytest.raises(UnsafeSetup, match="GATEWAY_STATE_KEYS"):
        check_setup(AuthMode.token, "127.0.0.1", parse_tokens(ALICE), ())


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

"""API keys: their form, and whom they let in."""

import hashlib
import re
from datetime import timedelta

import pytest

from contracts.access import ApiKey, NewApiKey, Role
from mcp_gateway.decisions.keys import admitted, check_new, digest_of, read_token, token_of
from mcp_gateway.domain.credentials import ShownKey, StoredKey
from mcp_gateway.domain.principals import Kind
from mcp_gateway.errors import InvalidInput, Unauthorized
from tests.support.fakes import FakeClock

NOW = FakeClock().now()
KEY_ID = "key-01990000-0000-7000-8000-000000000000"
SECRET = "s" * 43
SHOWN = ShownKey(KEY_ID, digest_of(SECRET))
TOOLS = {"list_tasks": Role.viewer, "cancel_task": Role.operator}


def stored(**changes: object) -> StoredKey:
    key = ApiKey(key_id=KEY_ID, name="ci", role=Role.operator, created_by="ann", created_at=NOW)
    return StoredKey(key.model_copy(update=changes), digest_of(SECRET))


def test_a_token_is_read_as_the_key_that_it_is() -> None:
    token = token_of(KEY_ID, SECRET)
    assert re.fullmatch(r"mews_[0-9a-f]{32}_[0-9A-Za-z]{43}", token)
    assert read_token(token) == SHOWN


@pytest.mark.parametrize(
    "token",
    ["", "mews_", f"mews_{'0' * 32}_{'s' * 42}", f"mews_{'0' * 32}_{'s' * 44}", f"mews_{'g' * 32}_{SECRET}",
     f"mews_{'0' * 32}_{SECRET}\n", f"MEWS_{'0' * 32}_{SECRET}", "a.b.c"],
)  # fmt: skip
def test_what_has_not_the_form_of_a_key_is_none(token: str) -> None:
    assert read_token(token) is None


def test_a_keys_owner_is_let_in_with_its_role_and_its_tools() -> None:
    principal = admitted(SHOWN, stored(tools=["cancel_task"]), NOW)
    assert (principal.name, principal.role, principal.kind) == ("ci", Role.operator, Kind.key)
    assert principal.tools == frozenset({"cancel_task"})
    assert admitted(SHOWN, stored(), NOW).tools is None


def test_only_who_has_the_secret_learns_that_a_key_has_ended() -> None:
    ended = stored(revoked_at=NOW, revoked_by="ann")
    with pytest.raises(Unauthorized, match="was revoked at 2026-01-01T00:00:00Z") as caught:
        admitted(SHOWN, ended, NOW)
    assert caught.value.reason == "revoked"
    for other in (ended, None):
        with pytest.raises(Unauthorized, match="not known") as caught:
            admitted(ShownKey(KEY_ID, digest_of("t" * 43)), other, NOW)
        assert caught.value.reason == "unknown"


def test_the_digest_of_nothing_is_no_way_in() -> None:
    with pytest.raises(Unauthorized, match="not known"):
        admitted(ShownKey(KEY_ID, hashlib.sha256(b"").digest()), None, NOW)


def test_a_key_ends_at_its_time() -> None:
    key = stored(expires_at=NOW + timedelta(seconds=1))
    assert admitted(SHOWN, key, NOW).name == "ci"
    with pytest.raises(Unauthorized, match="ended at 2026-01-01T00:00:01Z") as caught:
        admitted(SHOWN, key, NOW + timedelta(seconds=1))
    assert caught.value.reason == "expired"


def test_a_key_that_could_never_be_used_is_not_made() -> None:
    wrong = NewApiKey(name="ci", role=Role.viewer, tools=["cancel_task", "fly"], expires_at=NOW)
    with pytest.raises(InvalidInput) as caught:
        check_new(wrong, TOOLS, NOW)
    told = {error.field: (error.message, error.allowed) for error in caught.value.errors}
    assert told == {
        "expires_at": ("is over already", []),
        "tools.0": ("needs the role operator, and the key would have viewer", []),
        "tools.1": ("is no tool of the manager", ["cancel_task", "list_tasks"]),
    }
    check_new(NewApiKey(name="ci", role=Role.operator, tools=["cancel_task"]), TOOLS, NOW)

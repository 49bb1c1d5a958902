from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.permissions import Rights, rights_of_service
from devstack.bus import claims
from servicekit.bus.credential import reason_to_wait, rights_given_by
from servicekit.bus.keys import Credentials, KeyPair, Role

NEEDED = rights_of_service("orchestrator")
KEY, ISSUER = KeyPair.generate(Role.user), KeyPair.generate(Role.account)


def credential(rights: Rights) -> str:
    told = claims.user(KEY.public, "orchestrator", rights, datetime(2026, 1, 1, tzinfo=UTC))
    return str(Credentials(claims.signed(told, ISSUER, 0), KEY))


@pytest.mark.parametrize("given", [NEEDED, Rights((*NEEDED.publish, "event.more"), NEEDED.subscribe), Rights((), ())])
def test_a_credential_that_gives_what_is_needed_is_not_waited_for(given: Rights, tmp_path: Path) -> None:
    """NATS takes a user without lists for one that may do everything."""
    file = tmp_path / "bus.creds"
    file.write_text(credential(given))
    assert reason_to_wait(file, NEEDED) is None


def test_a_credential_of_a_version_with_fewer_rights_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "bus.creds"
    file.write_text(credential(Rights(NEEDED.publish[1:], NEEDED.subscribe[1:])))
    assert reason_to_wait(file, NEEDED) == (
        f"it gives no right to publish {NEEDED.publish[0]}, subscribe {NEEDED.subscribe[0]}"
    )


@pytest.mark.parametrize(("text", "reason"), [(None, "no such credential yet"), ("half a", "no section")])
def test_a_credential_that_is_not_there_is_waited_for(text: str | None, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "bus.creds"
    if text is not None:
        file.write_text(text)
    assert reason in str(reason_to_wait(file, NEEDED))


def test_what_a_token_allows_is_read_as_it_was_signed() -> None:
    assert rights_given_by(Credentials.parse(credential(NEEDED)).jwt) == NEEDED

import hashlib

import pytest
from pydantic import ValidationError

from mcp_gateway.settings import Settings

DIGEST = hashlib.sha256(b"t").hexdigest()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTH_MODE", "GATEWAY_TOKENS", "GATEWAY_STATE_KEYS", "HTTP_HOST", "GATEWAY_ALLOWED_HOSTS"):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TOKENS", f"alice:{DIGEST}")
    monkeypatch.setenv("GATEWAY_STATE_KEYS", f"{'a' * 32},{'b' * 32}")
    monkeypatch.setenv("HTTP_HOST", "0.0.0.0")
    monkeypatch.setenv("GATEWAY_ALLOWED_HOSTS", "mews.example.com, mews.example.com:*")
    settings = Settings()
    assert [entry.name for entry in settings.tokens] == ["alice"]
    assert settings.state_keys == ("a" * 32, "b" * 32)
    assert settings.gateway_allowed_hosts == ("mews.example.com", "mews.example.com:*")


def test_nothing_set_is_refused() -> None:
    with pytest.raises(ValidationError, match="GATEWAY_STATE_KEYS"):
        Settings()


def test_local_mode_beyond_loopback_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_MODE", "local")
    assert Settings().auth_mode == "local"
    monkeypatch.setenv("HTTP_HOST", "0.0.0.0")
    with pytest.raises(ValidationError, match="loopback only"):
        Settings()

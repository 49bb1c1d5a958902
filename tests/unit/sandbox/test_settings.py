from pathlib import Path

import pytest
from pydantic import ValidationError

from contracts.docstrings import field_docs
from contracts.sandbox import ProcessLimits
from sandbox import settings
from sandbox.settings import Settings, load

README = Path(__file__).parents[3] / "services" / "sandbox" / "README.md"
NEEDED = {"SANDBOX_SOCKET": "/run/s", "SANDBOX_WORKSPACE_ROOT": "/w"}


def test_variables_are_read_and_the_rest_has_defaults() -> None:
    read = load(
        NEEDED
        | {
            "SANDBOX_ALLOWED_UIDS": "1001,0",
            "SANDBOX_READABLE_PATHS": "/a:/b",
            "SANDBOX_DEFAULT_WALL_MS": "5",
            "SANDBOX_MAX_MEMORY_MB": "7",
            "SANDBOX_GRACE_MS": "",
        }
    )
    assert read.allowed_uids == (1001, 0)
    assert read.readable_paths == (Path("/a"), Path("/b"))
    assert (read.default_limits.wall_ms, read.default_limits.memory_mb) == (5, 4096)
    assert read.max_limits.memory_mb == 7
    assert read.grace_ms == 5000


def test_hidden_paths_are_in_the_home_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert Path("/home/someone/.ssh") in load(NEEDED).hidden_paths


def test_what_is_wrong_is_told_by_variable() -> None:
    with pytest.raises(ValidationError) as raised:
        load({"SANDBOX_SOCKET": "/run/s", "SANDBOX_BUBBLEWRAP": "maybe"})
    assert settings.complaints(raised.value) == [
        "SANDBOX_WORKSPACE_ROOT: Field required",
        "SANDBOX_BUBBLEWRAP: Input should be 'auto', 'off' or 'required'",
    ]


def test_no_two_settings_share_a_variable() -> None:
    plain = [name for name in Settings.model_fields if name not in ("default_limits", "max_limits")]
    limits = [f"{group}_{name}" for group in ("default", "max") for name in ProcessLimits.model_fields]
    assert len({*plain, *limits}) == len(plain) + len(limits)


def test_every_setting_is_explained() -> None:
    assert Settings.model_fields.keys() - field_docs(Settings).keys() == set()


def test_the_readme_names_every_variable() -> None:
    readme = README.read_text()
    plain = [name for name in Settings.model_fields if name not in ("default_limits", "max_limits")]
    limits = [f"{group}_{name}" for group in ("default", "max") for name in ProcessLimits.model_fields]
    missing = [name for name in plain + limits if f"SANDBOX_{name.upper()}`" not in readme]
    assert missing == []

from pathlib import Path

import pytest

from auditor.errors import SettingsError
from auditor.settings import read_settings

GOOD = {"MEWS_MCP_URL": "http://127.0.0.1:1/mcp", "MEWS_MCP_TOKEN": "secret"}


def test_the_token_never_shows(tmp_path: Path) -> None:
    assert "secret" not in repr(read_settings(GOOD, tmp_path))


def test_requirements_are_a_json_object(tmp_path: Path) -> None:
    settings = read_settings(GOOD | {"MEWS_REQUIREMENTS": '{"test_coverage_target": 90}'}, tmp_path)
    assert settings.requirements == {"test_coverage_target": 90}


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "MEWS_MCP_URL and MEWS_MCP_TOKEN"),
        ({"MEWS_MCP_URL": "x"}, "MEWS_MCP_TOKEN"),
        (GOOD | {"MEWS_REQUIREMENTS": "[1]"}, "MEWS_REQUIREMENTS"),
        (GOOD | {"MEWS_REQUIREMENTS": "{"}, "MEWS_REQUIREMENTS"),
        (GOOD | {"MEWS_AUDITOR_COMMAND_TIMEOUT_MS": "-5"}, "MEWS_AUDITOR_COMMAND_TIMEOUT_MS"),
        (GOOD | {"MEWS_AUDITOR_QUESTION_DEADLINE_MS": "soon"}, "MEWS_AUDITOR_QUESTION_DEADLINE_MS"),
    ],
)
def test_a_wrong_variable_is_named(environ: dict[str, str], named: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=named):
        read_settings(environ, tmp_path)


def test_a_project_that_is_not_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not a folder"):
        read_settings(GOOD, tmp_path / "absent")

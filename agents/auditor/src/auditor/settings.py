"""What the environment says. Read once, at the start."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from auditor.errors import SettingsError

DEFAULT_QUESTION_DEADLINE_MS = 120_000
DEFAULT_COMMAND_TIMEOUT_MS = 900_000

_OBJECT = TypeAdapter(dict[str, Any])


@dataclass(frozen=True)
class Settings:
    """How to run one audit; `token` never shows in a repr."""

    project: Path
    mcp_url: str
    token: str = field(repr=False)
    task_id: str | None = None
    prompt: str = ""
    requirements: Mapping[str, Any] = field(default_factory=dict[str, Any])
    question_deadline_ms: int = DEFAULT_QUESTION_DEADLINE_MS
    command_timeout_ms: int = DEFAULT_COMMAND_TIMEOUT_MS


def read_settings(environ: Mapping[str, str], project: Path) -> Settings:
    """Settings from MEWS_* variables. Raises SettingsError that names every variable that is wrong."""
    missing = [name for name in ("MEWS_MCP_URL", "MEWS_MCP_TOKEN") if not environ.get(name)]
    if missing:
        raise SettingsError(f"{' and '.join(missing)} must be set to the worker's MCP endpoint and its bearer token")
    return Settings(
        project=existing_folder(project),
        mcp_url=environ["MEWS_MCP_URL"],
        token=environ["MEWS_MCP_TOKEN"],
        task_id=environ.get("MEWS_TASK_ID") or None,
        prompt=environ.get("MEWS_PROMPT", ""),
        requirements=_read_requirements(environ.get("MEWS_REQUIREMENTS") or "{}"),
        question_deadline_ms=_read_ms(environ, "MEWS_AUDITOR_QUESTION_DEADLINE_MS", DEFAULT_QUESTION_DEADLINE_MS),
        command_timeout_ms=_read_ms(environ, "MEWS_AUDITOR_COMMAND_TIMEOUT_MS", DEFAULT_COMMAND_TIMEOUT_MS),
    )


def existing_folder(path: Path) -> Path:
    """The absolute path of a folder that is there, or SettingsError."""
    if not path.is_dir():
        raise SettingsError(f"{path} is not a folder")
    return path.resolve()


def _read_requirements(text: str) -> dict[str, Any]:
    try:
        return _OBJECT.validate_python(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise SettingsError("MEWS_REQUIREMENTS must be a JSON object") from error


def _read_ms(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 1_000 <= int(text) <= 86_400_000:
        raise SettingsError(f"{name} must be a whole number of milliseconds from 1000 to 86400000, not {text!r}")
    return int(text)

"""The user's variables: the process's own, and below them those of the file `.env` in the project's folder."""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values


def user_environment(root: Path) -> Mapping[str, str]:
    """All variables; one that is set in both places has the process's value."""
    file = {name: value for name, value in dotenv_values(root / ".env").items() if value is not None}
    return {**file, **os.environ}

"""Where the project and its data are."""

import os
from pathlib import Path


def repository_root() -> Path:
    """The folder of the project: $MEWS_HOME, or the checkout that this package is installed from."""
    if home := os.environ.get("MEWS_HOME"):
        return Path(home).resolve()
    return Path(__file__).resolve().parents[4]


def data_root() -> Path:
    """The folder `.mews`, where everything that a run leaves behind is kept."""
    return repository_root() / ".mews"

"""A pytest plugin that runs under cProfile what a test itself does, and writes the functions as JSON.

A copy of this file is loaded into the audited project's own pytest process, so it imports nothing of the auditor.
"""

import cProfile
import json
import os
import pstats
from collections.abc import Generator
from typing import Any

import pytest

FILE_VARIABLE = "AUDITOR_PROFILE_FILE"
KEPT = 200


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    """Profile the call of a test, without its fixtures."""
    profile = cProfile.Profile()
    profile.enable()
    try:
        return (yield)
    finally:
        profile.disable()
        _write(profile, os.environ[FILE_VARIABLE])


def _write(profile: cProfile.Profile, path: str) -> None:
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    slowest = sorted(stats.items(), key=lambda item: item[1][2], reverse=True)
    document = {
        "calls": sum(calls for _, calls, _, _, _ in stats.values()),
        "seconds": sum(own for _, _, own, _, _ in stats.values()),
        "functions": [
            {"path": file, "line": line, "function": name, "calls": calls, "self_s": own, "total_s": total}
            for (file, line, name), (_, calls, own, total, _) in slowest[:KEPT]
        ],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)

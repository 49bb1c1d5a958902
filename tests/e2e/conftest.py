"""One whole system for all end-to-end tests, with two workers, which leaves no process behind."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.demo.project import fetch_project
from tests.support.mews import ROOT, START_WITHIN_S, System, new_home, parsed


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A running system."""
    with new_home(tmp_path_factory.mktemp("mews")) as fresh:
        state = parsed(fresh.mews("up", "--detach", "--workers", "2", "--json", within=START_WITHIN_S))
        assert state["workers"] == 2
        yield fresh
        assert parsed(fresh.mews("down", "--json"))["strays_ended"] == []
        assert fresh.processes() == []


@pytest.fixture(scope="session")
def demo_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real project that the demo audits; kept in the checkout, so that it is fetched once."""
    return asyncio.run(fetch_project(ROOT / ".mews" / "demo", ROOT / ".mews" / "logs" / "demo.log"))

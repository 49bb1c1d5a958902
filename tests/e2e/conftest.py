"""One whole system for all end-to-end tests, with two workers, which leaves no process behind."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.demo.project import fetch_project
from tests.support.coding_agents import install_wanted, variables_of_wanted
from tests.support.mews import ROOT, START_WITHIN_S, System, new_home, parsed
from tests.support.node import NoNode
from tests.support.spans import Collector, collecting


@pytest.fixture(scope="session")
def no_coding_agents() -> str | None:
    """Installs the coding agents that are to be tested; why there are none, where they cannot be had."""
    try:
        install_wanted()
    except NoNode as reason:
        return str(reason)
    return None


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """What has the spans of the system."""
    with collecting() as listening:
        yield listening


@pytest.fixture(scope="session")
def system(
    tmp_path_factory: pytest.TempPathFactory, no_coding_agents: str | None, collector: Collector
) -> Iterator[System]:
    """A running system, traced, whose workers have the coding agents that are to be tested."""
    given = collector.variables | ({} if no_coding_agents else variables_of_wanted())
    with new_home(tmp_path_factory.mktemp("mews"), given) as fresh:
        state = parsed(fresh.mews("up", "--detach", "--workers", "2", "--json", within=START_WITHIN_S))
        assert state["workers"] == 2
        yield fresh
        # Everybody has had all the rights that it needs.
        refused = [line for line in (fresh.home / ".mews/logs/nats.log").read_text().splitlines() if "iolation" in line]
        assert refused == []
        assert parsed(fresh.mews("down", "--json"))["strays_ended"] == []
        assert fresh.processes() == []


@pytest.fixture(scope="session")
def demo_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real project that the demo audits; kept in the checkout, so that it is fetched once."""
    return asyncio.run(fetch_project(ROOT / ".mews" / "demo", ROOT / ".mews" / "logs" / "demo.log"))

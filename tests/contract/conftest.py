"""Fixtures of the contract tests."""

import pytest

from tests.support.node import NodeTools, NoNode, install_node_tools


@pytest.fixture(scope="session")
def node_tools() -> NodeTools:
    """The official MCP tools; the test is skipped, with the reason, where they cannot be had."""
    try:
        return install_node_tools()
    except NoNode as reason:
        pytest.skip(str(reason))

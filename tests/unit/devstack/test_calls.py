import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devstack.calls import CallRefused, Target, find_target, with_path
from devstack.errors import DevstackError
from devstack.paths import Layout
from devstack.processes import identify
from devstack.state import Phase, State, write_state


def test_the_path_of_the_endpoint_is_added_where_only_the_gateway_is_named():
    assert with_path("http://127.0.0.1:8080") == "http://127.0.0.1:8080/mcp"
    assert with_path("https://mews.example.com/") == "https://mews.example.com/mcp"
    assert with_path("https://example.com/teams/mcp") == "https://example.com/teams/mcp"


@pytest.mark.parametrize("wrong", ["localhost:8080", "ftp://host", "http://", "nonsense"])
def test_what_is_no_address_is_refused_with_an_example(wrong: str):
    with pytest.raises(DevstackError, match="looks like http://127"):
        with_path(wrong)


def test_a_gateway_that_is_named_needs_no_system_here(tmp_path: Path):
    assert find_target(Layout(tmp_path), "http://far:1", "secret") == Target("http://far:1/mcp", "secret")


def test_the_managers_host_names_the_gateway_where_no_address_does(tmp_path: Path):
    place = Layout(tmp_path)
    assert find_target(place, manager_host="manager.lan").url == "http://manager.lan:8080/mcp"
    assert find_target(place, "http://far:1", manager_host="manager.lan").url == "http://far:1/mcp"
    with pytest.raises(DevstackError, match="give --gateway or MEWS_GATEWAY"):
        find_target(place, manager_host="manager.lan:9000")


def test_without_a_system_it_says_how_to_start_one(tmp_path: Path):
    with pytest.raises(DevstackError, match="start it with: mews up"):
        find_target(Layout(tmp_path))


def test_the_running_system_is_found_and_a_dead_one_is_not(tmp_path: Path):
    place = Layout(tmp_path)
    place.mews.mkdir()
    me = identify(os.getpid())
    assert me is not None
    state = State(
        phase=Phase.ready,
        pid=me.pid,
        started_ticks=me.started,
        started_at=datetime(2026, 1, 2, tzinfo=UTC),
        gateway_url="http://127.0.0.1:8081",
        workers=1,
        members=(),
    )
    write_state(place.state, state)
    assert find_target(place).url == "http://127.0.0.1:8081/mcp"
    assert find_target(place, manager_host="localhost") == find_target(place)

    write_state(place.state, state.model_copy(update={"started_ticks": me.started + 1}))
    with pytest.raises(DevstackError, match="not running"):
        find_target(place)


def test_only_an_outage_may_pass():
    assert CallRefused("service_unavailable", "…").passing
    assert not CallRefused("not_found", "…").passing

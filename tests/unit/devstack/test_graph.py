from pathlib import Path

import pytest

from devstack.service import Service
from devstack.supervision.graph import Step, Unit, check_graph, stop_order


async def nothing() -> None:
    return


def step(name: str, *needs: str) -> Step:
    return Step(name, frozenset(needs), nothing)


def unit(name: str, layer: int) -> Unit:
    service = Service(name, name, env={}, address=("127.0.0.1", 1), log=Path("log"))
    return Unit(service, frozenset(), layer, "")


def test_a_graph_without_circles_is_accepted():
    check_graph([step("c", "a", "b"), step("b", "a"), step("a")])


@pytest.mark.parametrize(
    "nodes",
    [
        [step("a", "b"), step("b", "a")],
        [step("a", "a")],
        [step("a", "missing")],
        [step("a"), step("a")],
    ],
    ids=["circle", "itself", "missing", "twice"],
)
def test_a_graph_that_could_never_finish_is_refused(nodes: list[Step]):
    with pytest.raises(ValueError, match=r"wait for|same name"):
        check_graph(nodes)


def test_the_highest_layer_is_stopped_first_and_a_layer_at_once():
    groups = stop_order([unit("db", 0), unit("a", 2), unit("service", 1), unit("b", 2)])
    assert [{one.name for one in group} for group in groups] == [{"a", "b"}, {"service"}, {"db"}]

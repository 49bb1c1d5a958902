"""The fleet in text: what runs the workers, and what does not as it should."""

import pytest

from contracts.workers import FleetInstance, FleetView
from mcp_gateway.domain.outputs import Fleet
from mcp_gateway.mcp.text.fleet import managed


def an_instance(place: int, ready: bool = True, **more: object) -> FleetInstance:
    return FleetInstance.model_validate({"worker_id": f"mews-worker-{place}", "ready": ready} | more)


STARTING = an_instance(1, ready=False, reason="worker-agent: ImagePullBackOff")
LEAVING = an_instance(2, intention="remove")


@pytest.mark.parametrize(
    ("fleet", "lines"),
    [
        (None, ["No workers."]),
        (
            FleetView(kind="kubernetes", replicas=3, instances=[an_instance(0), STARTING, LEAVING]),
            [
                "No workers.",
                "",
                "Fleet (kubernetes): 3 wanted, 2 ready.",
                "  mews-worker-1 not ready: worker-agent: ImagePullBackOff",
                "  mews-worker-2 ready (remove is under way)",
            ],
        ),
        (
            FleetView(kind="kubernetes", replicas=1, autoscale=True, least=1, most=9, instances=[an_instance(0)]),
            ["No workers.", "", "Fleet (kubernetes): 1 wanted, between 1 and 9 by the queue, 1 ready."],
        ),
        (
            FleetView(kind="kubernetes", reason="the API server answered 503"),
            ["No workers.", "", "Fleet (kubernetes): not known now: the API server answered 503"],
        ),
    ],
)
def test_what_runs_the_workers_is_shown_beneath_them(fleet: FleetView | None, lines: list[str]) -> None:
    assert managed(Fleet(fleet=fleet)).splitlines() == lines

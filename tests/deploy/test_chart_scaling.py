"""Who scales what: never two at a time."""

from tests.deploy.conftest import Render
from tests.support.manifests.environment import environment
from tests.support.manifests.objects import Manifest, of_kind, the, workloads
from tests.support.manifests.rendering import Rendered

AUTOSCALED = {"enabled": True, "minReplicas": 2, "maxReplicas": 6, "targetCPUUtilizationPercentage": 70}


def test_replicas_are_left_out_where_something_else_counts_them(manifests: list[Manifest]) -> None:
    scaled = {
        (found["spec"]["scaleTargetRef"]["kind"], found["spec"]["scaleTargetRef"]["name"])
        for found in of_kind(manifests, "HorizontalPodAutoscaler", "ScaledObject")
    }
    fixed = {
        (found["kind"], found["metadata"]["name"])
        for found in of_kind(manifests, "Deployment", "StatefulSet")
        if "replicas" in found["spec"]
    }
    by_fleet = {("StatefulSet", "mews-worker")} if _fleet_scales(manifests) else set()
    everything = {
        (found["kind"], found["metadata"]["name"]) for found in of_kind(manifests, "Deployment", "StatefulSet")
    }
    assert fixed == everything - scaled - by_fleet


def test_a_service_is_scaled_by_its_load(render_with: Render) -> None:
    manifests = render_with(services={"mcp-gateway": {"autoscaling": AUTOSCALED}})
    (scaler,) = of_kind(manifests, "HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] == "mews-mcp-gateway"
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 6)
    assert [metric["resource"]["name"] for metric in scaler["spec"]["metrics"]] == ["cpu"]


def test_what_is_scaled_by_load_asks_for_cpu(rendered: Rendered) -> None:
    """Use is a share of the request: without one, the scaler knows nothing."""
    for scaler in of_kind(rendered.manifests, "HorizontalPodAutoscaler"):
        target = the(rendered.manifests, "Deployment", scaler["spec"]["scaleTargetRef"]["name"])
        for container in target["spec"]["template"]["spec"]["containers"]:
            assert container["resources"]["requests"].keys() >= {
                metric["resource"]["name"] for metric in scaler["spec"]["metrics"]
            }


def test_keda_lets_workers_go_slowly_and_comes_to_their_aid_at_once(render_with: Render) -> None:
    (scaler,) = of_kind(render_with(worker={"keda": {"enabled": True, "maxReplicas": 12}}), "ScaledObject")
    behavior = scaler["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] >= 300
    assert scaler["spec"]["maxReplicaCount"] == 12
    assert scaler["spec"]["triggers"][0]["type"] == "prometheus"


def test_with_keda_the_orchestrator_leaves_the_number_alone(render_with: Render) -> None:
    assert not _fleet_scales(render_with(worker={"keda": {"enabled": True}}))
    assert _fleet_scales(render_with(fleet={"autoscale": {"enabled": True}}))


def test_keda_takes_other_triggers(render_with: Render) -> None:
    trigger = {
        "type": "cron",
        "metadata": {"timezone": "UTC", "start": "0 8 * * *", "end": "0 18 * * *", "desiredReplicas": "5"},
    }
    (scaler,) = of_kind(render_with(worker={"keda": {"enabled": True, "triggers": [trigger]}}), "ScaledObject")
    assert scaler["spec"]["triggers"] == [trigger]


def _fleet_scales(manifests: list[Manifest]) -> bool:
    (orchestrator,) = [found for found in workloads(manifests) if found.title == "Deployment/mews-orchestrator"]
    (serving,) = [one for one in orchestrator.containers if not one.init]
    variables = environment(orchestrator, serving, manifests, lambda _name, _key: "")
    return variables.get("FLEET_AUTOSCALE") == "true"

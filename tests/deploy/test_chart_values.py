"""Values that are wrong are refused with a message that names them, before anything is made."""

from typing import Any

import helm_python
import pytest

from devstack.cluster.release import MOST_WORKERS
from tests.support.manifests.rendering import NAMESPACE, VALUE_SETS, values_of


@pytest.mark.parametrize("name", VALUE_SETS)
def test_every_set_of_values_fits_the_schema(name: str, chart: helm_python.Chart) -> None:
    chart.validate_schema(values_of(*VALUE_SETS[name]))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replicas": 3}, "replicas"),
        ({"services": {"orchestrator": {"replica": 3}}}, "replica"),
        ({"services": {"orchestrater": {}}}, "orchestrater"),
        ({"services": {"orchestrator": {"replicas": "three"}}}, "replicas"),
        ({"worker": {"replicas": -1}}, "replicas"),
        ({"worker": {"maxReplicas": MOST_WORKERS + 1}}, "maxReplicas"),
        ({"worker": {"keda": {"enabled": "yes"}}}, "enabled"),
        ({"worker": {"sandbox": {"bubblewrap": "perhaps"}}}, "bubblewrap"),
        ({"postgres": {"external": {"port": 70000}}}, "port"),
        ({"postgres": {"tls": {"mode": "always"}}}, "mode"),
        ({"nats": {"replicas": 0}}, "replicas"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"global": {"imageRegistry": 5000}}, "imageRegistry"),
        ({"metrics": {"serviceMonitor": {"interval": 15}}}, "interval"),
        ({"httpRoute": {"paths": "/mcp"}}, "paths"),
        ({"ingress": {"tls": {"secretName": "x"}}}, "tls"),
        ({"config": {"LOG_LEVEL": ["debug"]}}, "LOG_LEVEL"),
        ({"config": {"log level": "debug"}}, "log level"),
        ({"networkPolicy": {"metricsFrom": "monitoring"}}, "metricsFrom"),
    ],
    ids=lambda given: str(given),
)
def test_the_schema_names_what_is_wrong(values: dict[str, Any], named: str, chart: helm_python.Chart) -> None:
    with pytest.raises(helm_python.HelmValuesError, match=named):
        chart.validate_schema(values)


def test_values_of_a_parent_chart_are_let_through(chart: helm_python.Chart) -> None:
    chart.validate_schema({"global": {"imageRegistry": "registry.example.com", "of": {"another": "chart"}}})


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"postgres": {"deploy": False}}, "postgres.external.host"),
        ({"nats": {"deploy": False}}, "nats.external.host"),
        ({"redis": {"deploy": False}}, "redis.external.host"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs"),
        ({"ingress": {"enabled": True}}, "ingress.hosts"),
        ({"worker": {"keda": {"enabled": True, "maxReplicas": 21}}}, "worker.keda.maxReplicas"),
        ({"worker": {"keda": {"enabled": True, "minReplicas": 11}}}, "worker.keda.minReplicas"),
        (
            {"services": {"mcp-gateway": {"autoscaling": {"enabled": True, "minReplicas": 11}}}},
            "services.mcp-gateway.autoscaling.minReplicas",
        ),
        (
            {"services": {"mcp-gateway": {"autoscaling": {"enabled": True, "targetCPUUtilizationPercentage": 0}}}},
            "services.mcp-gateway.autoscaling",
        ),
        (
            {"worker": {"keda": {"enabled": True}}, "fleet": {"autoscale": {"enabled": True}}},
            "fleet.autoscale.enabled",
        ),
    ],
    ids=lambda given: str(given),
)
def test_values_that_do_not_go_together_are_refused(
    values: dict[str, Any], named: str, chart: helm_python.Chart
) -> None:
    with pytest.raises(helm_python.HelmError, match=named):
        chart.render(values, name="mews", namespace=NAMESPACE)

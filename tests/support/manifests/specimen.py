"""A small release in which every check is content, to be broken in one place at a time."""

from copy import deepcopy
from typing import Any

from tests.support.manifests.objects import Manifest

LABELS = {"app.kubernetes.io/name": "mews", "app.kubernetes.io/component": "web"}
PROBE = {"httpGet": {"path": "/healthz", "port": "http"}}
CONTAINER: Manifest = {
    "name": "web",
    "image": "registry.example.com/mews/orchestrator:1",
    "ports": [{"name": "http", "containerPort": 8080}],
    "env": [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "HTTP_HOST", "value": "0.0.0.0"},
        {"name": "SHUTDOWN_GRACE_MS", "value": "20000"},
        {"name": "SERVICE_OPEN", "value": "true"},
        {"name": "ORCHESTRATOR_URL", "value": "http://web.mews.svc:80"},
        {"name": "NATS_CREDENTIALS", "value": "/etc/bus/bus.creds"},
    ],
    "startupProbe": PROBE,
    "livenessProbe": PROBE,
    "readinessProbe": PROBE,
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "bus", "mountPath": "/etc/bus"}],
}
POD: Manifest = {
    "serviceAccountName": "web",
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [CONTAINER],
    "volumes": [
        {"name": "tmp", "emptyDir": {}},
        {"name": "bus", "secret": {"secretName": "bus", "items": [{"key": "web.creds", "path": "bus.creds"}]}},
    ],
}
OUTSIDE = {"cidr": "203.0.113.0/24", "except": ["203.0.113.7/32"]}
POLICY: Manifest = {
    "podSelector": {"matchLabels": LABELS},
    "policyTypes": ["Ingress", "Egress"],
    "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}], "ports": [{"port": "http"}]}],
    "egress": [
        {"to": [{"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.7/32"]}}], "ports": [{"port": 443}]}
    ],
}


def _object(kind: str, name: str, api_version: str = "v1", **rest: Any) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **rest}


def good_release() -> dict[str, Manifest]:
    """Its manifests, by what they are for."""
    template = {"metadata": {"labels": dict(LABELS)}, "spec": deepcopy(POD)}
    pod: Manifest = {"replicas": 1, "selector": {"matchLabels": dict(LABELS)}, "template": template}
    service = {"selector": dict(LABELS), "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    subject = {"kind": "ServiceAccount", "name": "web"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "web"}
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["one"]}
    return {
        "deployment": _object("Deployment", "web", "apps/v1", spec=pod),
        "service": _object("Service", "web", spec=service),
        "account": _object("ServiceAccount", "web"),
        "secret": _object("Secret", "bus", data={"web.creds": "eA=="}),
        "role": _object("Role", "web", "rbac.authorization.k8s.io/v1", rules=[rule]),
        "binding": _object("RoleBinding", "web", "rbac.authorization.k8s.io/v1", roleRef=role, subjects=[subject]),
        "policy": _object("NetworkPolicy", "web", "networking.k8s.io/v1", spec=deepcopy(POLICY)),
    }

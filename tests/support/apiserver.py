"""A small API server of Kubernetes: the paths that the platform uses, with the answers that the real one gives.

Taken from the API's conventions: optimistic locking by `resourceVersion`, preconditions of a deletion, label selectors,
paging, `Status` objects for what fails. What is asked and answered must fit the schemas of the real ones. The
controller of the StatefulSet does its work when a test says so.
"""

import json
from base64 import b64decode
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.apischemas import WireCheck
from tests.support.certificates import Pair
from tests.support.serving import serving

TOKEN = "a-service-account-token"
NOW = "2026-01-01T00:00:00Z"
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}

Object = dict[str, Any]


class Refused(Exception):
    """A request that fails."""

    def __init__(self, code: int, message: str, reason: str | None = None, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
        self.body = status | {"reason": reason or REASONS[code], "code": code}
        self.response = JSONResponse(self.body, code, headers)


class ApiServer:
    """One namespace with one StatefulSet, its pods, and Secrets."""

    def __init__(self, namespace: str = "mews", statefulset: str = "mews-worker", replicas: int = 0) -> None:
        self.namespace, self.statefulset = namespace, statefulset
        self.replicas = replicas
        self.pods: dict[str, Object] = {}
        self.secrets: dict[str, Object] = {}
        self.seen: list[tuple[str, str]] = []
        """Method and path of each request."""
        self.refusals: deque[Refused] = deque()
        """What the next requests get instead of an answer."""
        self.before: deque[Any] = deque()
        """What happens before the next writing requests, as somebody else's doing."""
        self.wire = WireCheck()
        self._version = 1_000
        self._scale_version = self._next_version()
        self._uid = str(uuid4())
        self.url = ""
        self.settle()

    def settle(self) -> None:
        """What the StatefulSet's controller and the kubelets do, all of it: one pod for each place, all ready."""
        self.reap()
        for place in range(self.replicas):
            self.pods.setdefault(f"{self.statefulset}-{place}", self._pod(f"{self.statefulset}-{place}"))

    def reap(self) -> None:
        """Pods that were deleted, or whose places were given up, are gone."""
        kept = {f"{self.statefulset}-{place}" for place in range(self.replicas)}
        self.pods = {
            name: pod for name, pod in self.pods.items() if name in kept and "deletionTimestamp" not in pod["metadata"]
        }

    def resize(self, replicas: int) -> None:
        """Somebody else changes the size."""
        self.replicas, self._scale_version = replicas, self._next_version()

    def unready(self, name: str, reason: str) -> None:
        """A container of a pod waits."""
        status = self.pods[name]["status"]
        status["conditions"][0]["status"] = "False"
        status["containerStatuses"] = [_container("worker-agent", {"waiting": {"reason": reason}})]

    def initialise(self, name: str, container: str) -> None:
        """An init container of a pod runs, and the others wait for its end."""
        status = self.pods[name]["status"]
        status["phase"], status["conditions"][0]["status"] = "Pending", "False"
        message = f"containers with incomplete status: [{container}]"
        why = {"reason": "ContainersNotInitialized", "message": message, "lastTransitionTime": NOW}
        status["conditions"].append({"type": "Initialized", "status": "False"} | why)
        status["initContainerStatuses"] = [_container(container, {"running": {"startedAt": NOW}})]
        status["containerStatuses"] = [_container("worker-agent", {"waiting": {"reason": "PodInitializing"}})]

    def uid(self, name: str) -> str:
        """The identity of a pod."""
        return self.pods[name]["metadata"]["uid"]

    def secret(self, name: str) -> dict[str, str]:
        """What a Secret holds, as text."""
        return {key: b64decode(value).decode() for key, value in self.secrets[name]["data"].items()}

    def kubeconfig(self, folder: Path) -> Path:
        """A file by which clients find this server."""
        path = folder / "kubeconfig.json"
        context = {"cluster": "test", "user": "test", "namespace": self.namespace}
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "test",
                    "clusters": [{"name": "test", "cluster": {"server": self.url}}],
                    "contexts": [{"name": "test", "context": context}],
                    "users": [{"name": "test", "user": {"token": TOKEN}}],
                }
            )
        )
        return path

    def app(self) -> Starlette:
        """It as an application."""
        space = f"/namespaces/{self.namespace}"
        scale = f"/apis/apps/v1{space}/statefulsets/{self.statefulset}/scale"
        pods, secrets = f"/api/v1{space}/pods", f"/api/v1{space}/secrets"
        return Starlette(
            routes=[
                Route(scale, self._served(self._get_scale), methods=["GET"]),
                Route(scale, self._served(self._patch_scale), methods=["PATCH"]),
                Route(pods, self._served(self._list_pods), methods=["GET"]),
                Route(pods + "/{name}", self._served(self._delete_pod), methods=["DELETE"]),
                Route(secrets, self._served(self._create_secret), methods=["POST"]),
                Route(secrets + "/{name}", self._served(self._get_secret), methods=["GET"]),
                Route(secrets + "/{name}", self._served(self._patch_secret), methods=["PATCH"]),
                Route("/{path:path}", self._served(self._nothing), methods=["GET", "POST", "PATCH", "DELETE"]),
            ]
        )

    def _served(self, answer: Any) -> Any:
        async def serve(request: Request) -> Response:
            self.seen.append((request.method, request.url.path))
            try:
                if request.headers.get("Authorization", "").lower() != f"bearer {TOKEN}":
                    raise Refused(401, "Unauthorized")
                if self.refusals:
                    raise self.refusals.popleft()
                if request.method != "GET" and self.before:
                    self.before.popleft()()
                content = await request.body()
                body, status = answer(request, json.loads(content) if content else {})
                self.wire.see(body)
                return JSONResponse(body, status)
            except Refused as refused:
                self.wire.see(refused.body)
                return refused.response

        return serve

    def _get_scale(self, _request: Request, _body: Object) -> tuple[Object, int]:
        return self._scale(), 200

    def _patch_scale(self, request: Request, body: Object) -> tuple[Object, int]:
        _must_be_merge_patch(request)
        self._must_match(body, self._scale_version, "statefulsets.apps", self.statefulset)
        self.wire.see(_merged(self._scale(), body))
        self.resize(body["spec"]["replicas"])
        return self._scale(), 200

    def _list_pods(self, request: Request, _body: Object) -> tuple[Object, int]:
        selector = dict(part.split("=") for part in request.query_params["labelSelector"].split(","))
        found = [pod for pod in self.pods.values() if selector.items() <= pod["metadata"]["labels"].items()]
        limit = int(request.query_params.get("limit", "0")) or len(found) or 1
        start = int(request.query_params.get("continue") or 0)
        more = {"continue": str(start + limit)} if start + limit < len(found) else {}
        meta = {"resourceVersion": str(self._version), **more}
        return {"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": found[start : start + limit]}, 200

    def _delete_pod(self, request: Request, body: Object) -> tuple[Object, int]:
        name = request.path_params["name"]
        self.wire.see(body)
        pod = self.pods.get(name)
        if pod is None:
            raise Refused(404, f'pods "{name}" not found')
        wanted, uid = body.get("preconditions", {}).get("uid"), pod["metadata"]["uid"]
        if wanted not in (None, uid):
            message = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"
            raise Refused(409, f'Operation cannot be fulfilled on pods "{name}": {message}')
        pod["metadata"] |= {"deletionTimestamp": NOW, "deletionGracePeriodSeconds": 70}
        # In a list the items do not say what they are.
        return {"kind": "Pod", "apiVersion": "v1"} | pod, 200

    def _create_secret(self, _request: Request, body: Object) -> tuple[Object, int]:
        name = body["metadata"]["name"]
        self.wire.see(body)
        if name in self.secrets:
            raise Refused(409, f'secrets "{name}" already exists', "AlreadyExists")
        data = dict(body.get("data") or {})
        for value in data.values():
            b64decode(value, validate=True)
        meta = body["metadata"] | {"namespace": self.namespace, "uid": str(uuid4()), "creationTimestamp": NOW}
        self.secrets[name] = body | {"metadata": meta | {"resourceVersion": self._next_version()}, "data": data}
        return self.secrets[name], 201

    def _get_secret(self, request: Request, _body: Object) -> tuple[Object, int]:
        return self._known_secret(request), 200

    def _patch_secret(self, request: Request, body: Object) -> tuple[Object, int]:
        _must_be_merge_patch(request)
        secret = self._known_secret(request)
        self._must_match(body, secret["metadata"]["resourceVersion"], "secrets", secret["metadata"]["name"])
        self.wire.see(_merged(secret, body))
        secret["data"] |= body.get("data") or {}
        secret["metadata"]["resourceVersion"] = self._next_version()
        return secret, 200

    def _nothing(self, _request: Request, _body: Object) -> tuple[Object, int]:
        raise Refused(404, "the server could not find the requested resource")

    def _known_secret(self, request: Request) -> Object:
        name = request.path_params["name"]
        if name not in self.secrets:
            raise Refused(404, f'secrets "{name}" not found')
        return self.secrets[name]

    def _must_match(self, body: Object, version: str, resource: str, name: str) -> None:
        if body.get("metadata", {}).get("resourceVersion") not in (None, version):
            raise Refused(
                409,
                f'Operation cannot be fulfilled on {resource} "{name}": the object has been modified; please apply '
                "your changes to the latest version and try again",
            )

    def _scale(self) -> Object:
        meta = {"name": self.statefulset, "namespace": self.namespace, "uid": self._uid, "creationTimestamp": NOW}
        meta["resourceVersion"] = self._scale_version
        status = {"replicas": len(self.pods), "selector": "app.kubernetes.io/component=worker"}
        spec = {"replicas": self.replicas} if self.replicas else {}
        return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": spec, "status": status}

    def _pod(self, name: str) -> Object:
        labels = {"app.kubernetes.io/component": "worker", "statefulset.kubernetes.io/pod-name": name}
        meta = {"name": name, "namespace": self.namespace, "uid": str(uuid4()), "labels": labels}
        meta |= {"creationTimestamp": NOW, "resourceVersion": str(self._version)}
        ready = {"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": NOW}
        containers = [_container("worker-agent", {"running": {"startedAt": NOW}})]
        status = {"phase": "Running", "conditions": [ready], "containerStatuses": containers}
        return {"metadata": meta, "spec": {"containers": [{"name": "worker-agent"}]}, "status": status}

    def _next_version(self) -> str:
        self._version += 1
        return str(self._version)


@asynccontextmanager
async def an_api_server(shows: Pair | None = None, **how: Any) -> AsyncGenerator[ApiServer]:
    """One that serves, with TLS if it shows a certificate."""
    server = ApiServer(**how)
    async with serving(server.app(), shows) as server.url:
        yield server
    assert server.wire.misfits == []


def _container(name: str, state: Object) -> Object:
    status = {"name": name, "state": state, "lastState": {}, "ready": "running" in state, "restartCount": 0}
    return status | {"image": "mews/worker-agent:0.1.0", "imageID": ""}


def _merged(below: Object, patch: Object) -> Object:
    """A JSON merge patch (RFC 7396) applied."""
    merged = {name: value for name, value in (below | patch).items() if value is not None}
    return merged | {
        name: _merged(below.get(name) or {}, value) for name, value in patch.items() if isinstance(value, dict)
    }


def _must_be_merge_patch(request: Request) -> None:
    if request.headers.get("Content-Type") != "application/merge-patch+json":
        raise Refused(400, "the body of the request was in an unknown format")

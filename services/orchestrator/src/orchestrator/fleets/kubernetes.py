"""Pods of one StatefulSet, by the API server. Objects are read as JSON: the client's models would take 25 MB."""

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp
import orjson
from kubernetes.aio import client, config

from orchestrator.decisions.fleet import place_of
from orchestrator.domain import FleetLook, Instance
from orchestrator.errors import FleetAway, FleetChanged, FleetRefused

IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
REFUSED_AGAIN_S = 60.0
PAGE = 500
MERGE_PATCH = "application/merge-patch+json"
JSON = "application/json"
SCALE = "/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}/scale"
PODS = "/api/v1/namespaces/{namespace}/pods"
POD = PODS + "/{name}"

Object = Mapping[str, Any]


class Reply(NamedTuple):
    """What the API server answers."""

    status: int
    body: Object
    retry_after_s: float

    @property
    def said(self) -> str:
        """Its reason, in words."""
        return str(self.body.get("message") or self.status)


async def open_kubernetes(
    namespace: str, statefulset: str, kubeconfig: str | None, timeout_s: float
) -> "KubernetesFleet":
    """The fleet that is this StatefulSet: in a cluster by the pod's own account, else by a kubeconfig.

    Raises FleetRefused where neither is there.
    """
    configuration = client.Configuration()
    # A proxy of the environment is for what is outside the cluster.
    configuration.client_session_kwargs = {"trust_env": False}
    # Authorities of clusters often lack what Python 3.13 asks for; chain and name are checked all the same.
    configuration.disable_strict_ssl_verification = True
    try:
        if IN_CLUSTER in os.environ and not kubeconfig:
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(kubeconfig, client_configuration=configuration)
    except config.ConfigException as error:
        raise FleetRefused(f"FLEET is kubernetes, but there is no way to an API server: {error}") from error
    return KubernetesFleet(client.ApiClient(configuration), namespace, statefulset, timeout_s)


class KubernetesFleet:
    """Each look asks for all that there is: nothing is missed, and nothing that was seen earlier is believed."""

    def __init__(self, api: client.ApiClient, namespace: str, statefulset: str, timeout_s: float) -> None:
        self._api = api
        self._namespace = namespace
        self._statefulset = statefulset
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def look(self) -> FleetLook:
        """The size that is wanted, and the pods."""
        try:
            return await self._look()
        except (KeyError, TypeError, AttributeError) as error:
            where = self._api.configuration.host
            raise FleetAway(f"the API server at {where} answers what is not understood: {error!r}") from error

    async def _look(self) -> FleetLook:
        scale = self._good(await self._call("GET", SCALE, self._statefulset), "get statefulsets/scale")
        selector = scale.get("status", {}).get("selector", "")
        pods = [pod async for pod in self._pods(selector)]
        instances = [_instance(pod) for pod in pods if place_of(pod["metadata"]["name"], self._statefulset) is not None]
        return FleetLook(scale["spec"].get("replicas", 0), scale["metadata"]["resourceVersion"], instances)

    async def end(self, instance: Instance) -> None:
        """Delete this very pod, in its own grace period."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": instance.instance}}
        reply = await self._call("DELETE", POD, instance.worker_id, body=options)
        # It is gone already, or another with its name is there.
        if reply.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            self._good(reply, "delete pods")

    async def scale(self, replicas: int, version: str) -> None:
        """Change `replicas` by the scale subresource. Raises FleetChanged."""
        patch = {"metadata": {"resourceVersion": version}, "spec": {"replicas": replicas}}
        reply = await self._call("PATCH", SCALE, self._statefulset, body=patch, content_type=MERGE_PATCH)
        if reply.status == HTTPStatus.CONFLICT:
            raise FleetChanged(reply.said)
        self._good(reply, "patch statefulsets/scale")

    async def close(self) -> None:
        """Let go of connections."""
        await self._api.close()

    async def _pods(self, selector: str) -> AsyncGenerator[Object]:
        more = ""
        while True:
            query = [("labelSelector", selector), ("limit", str(PAGE)), *([("continue", more)] if more else [])]
            found = self._good(await self._call("GET", PODS, query=query), "list pods")
            for pod in found.get("items") or ():
                yield pod
            more = found.get("metadata", {}).get("continue", "")
            if not more:
                return

    async def _call(
        self,
        method: str,
        path: str,
        name: str = "",
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Object | None = None,
        content_type: str = JSON,
    ) -> Reply:
        try:
            request = await self._api.param_serialize(
                method,
                path,
                path_params={"namespace": self._namespace, "name": name},
                query_params=list(query),
                header_params={"Accept": JSON, "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self._api.call_api(*request, _request_timeout=self._timeout)
            return _reply(response.status, response.headers, await response.read())
        # Before a request the client reads its credentials anew, where they come from a file.
        except (aiohttp.ClientError, TimeoutError, OSError, config.ConfigException) as error:
            where = self._api.configuration.host
            reason = str(error) or type(error).__name__
            raise FleetAway(f"the API server does not answer at {where}: {reason}") from error

    def _good(self, reply: Reply, verb: str) -> Object:
        if reply.status < HTTPStatus.BAD_REQUEST:
            return reply.body
        if reply.status == HTTPStatus.FORBIDDEN:
            raise FleetRefused(
                f"the API server does not let this service {verb} in namespace {self._namespace}: {reply.said}; "
                "give its ServiceAccount the Role of the chart",
                REFUSED_AGAIN_S,
            )
        if reply.status == HTTPStatus.NOT_FOUND:
            where = f"{self._statefulset!r} in namespace {self._namespace!r}"
            raise FleetRefused(f"there is no StatefulSet {where} (FLEET_STATEFULSET, FLEET_NAMESPACE)", REFUSED_AGAIN_S)
        raise FleetAway(f"the API server answered {reply.status} to {verb}: {reply.said}", reply.retry_after_s)


def _reply(status: int, headers: Mapping[str, str], content: bytes) -> Reply:
    after = headers.get("Retry-After", "")
    try:
        body = orjson.loads(content) if content else {}
    except orjson.JSONDecodeError:
        body = {"message": content[:200].decode(errors="replace")}
    return Reply(status, body if isinstance(body, dict) else {}, float(after) if after.isdecimal() else 0.0)


def _instance(pod: Object) -> Instance:
    meta, status = pod["metadata"], pod.get("status", {})
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    is_ready = conditions.get("Ready", {}).get("status") == "True"
    is_ending = "deletionTimestamp" in meta
    reason = None if is_ready else _reason(status, conditions)
    return Instance(meta["name"], meta["uid"], is_ready=is_ready and not is_ending, is_ending=is_ending, reason=reason)


def _reason(status: Object, conditions: Mapping[str, Object]) -> str | None:
    """Why a pod is not ready: what a container waits for or ended by, or why it has no node, or what must end first."""
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        state = container.get("state") or {}
        why = state.get("waiting") or state.get("terminated") or {}
        if why.get("reason") not in (None, "PodInitializing", "Completed"):
            return f"{container['name']}: {why['reason']}"
    for unmet in (conditions.get("PodScheduled", {}), conditions.get("Initialized", {})):
        if unmet.get("status") == "False":
            return str(unmet.get("message") or unmet.get("reason"))
    return status.get("reason") or status.get("phase")

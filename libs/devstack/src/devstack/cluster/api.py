"""Secrets of one namespace, by the API server: in a pod by its service account, elsewhere as kubectl does."""

import base64
import json
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from devstack.cluster.contents import Data
from devstack.cluster.keeping import Kept, Overtaken
from devstack.errors import DevstackError

IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
ANSWER_WITHIN_S = 15.0
SECRETS = "/api/v1/namespaces/{namespace}/secrets"
JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"


class ClusterAway(DevstackError):
    """The API server does not answer, or not now."""


@asynccontextmanager
async def cluster_secrets(namespace: str, labels: Mapping[str, str]) -> AsyncGenerator["ClusterSecrets"]:
    """The Secrets of a namespace for the block; new ones get these labels. Raises DevstackError without a way to it."""
    # Only here: the other commands need not load it.
    from kubernetes.aio import client, config

    configuration = client.Configuration()
    configuration.client_session_kwargs = {"trust_env": False}
    # Authorities of clusters often lack what Python 3.13 asks for; chain and name are checked all the same.
    configuration.disable_strict_ssl_verification = True
    try:
        if IN_CLUSTER in os.environ:
            config.load_incluster_config(client_configuration=configuration)
        else:
            await config.load_kube_config(os.environ.get("KUBECONFIG"), client_configuration=configuration)
    except config.ConfigException as error:
        raise DevstackError(f"there is no way to a cluster, neither as a pod nor by KUBECONFIG: {error}") from error
    async with client.ApiClient(configuration) as api:
        yield ClusterSecrets(api, namespace, labels)


class ClusterSecrets:
    """A `Keeper` of Secrets on a cluster."""

    def __init__(self, api: Any, namespace: str, labels: Mapping[str, str]) -> None:
        self._api = api
        self._namespace = namespace
        self._labels = labels

    async def read(self, name: str) -> Kept | None:
        """What it holds; None where there is none."""
        status, body = await self._call("GET", f"{SECRETS}/{name}")
        if status == HTTPStatus.NOT_FOUND:
            return None
        found = self._good(status, body, f"get Secret {name}")
        values = found.get("data") or {}
        data = {key: base64.b64decode(value).decode() for key, value in values.items()}
        return Kept(data, found["metadata"]["resourceVersion"])

    async def create(self, name: str, data: Data) -> None:
        """Make it. Raises Overtaken if it is there."""
        meta = {"name": name, "labels": dict(self._labels)}
        secret = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": meta, "data": _encoded(data)}
        self._good(*await self._call("POST", SECRETS, secret), f"create Secret {name}")

    async def change(self, name: str, data: Data, version: str) -> None:
        """Set these values, and leave the others. Raises Overtaken if it has changed since `version`."""
        patch = {"metadata": {"resourceVersion": version}, "data": _encoded(data)}
        self._good(*await self._call("PATCH", f"{SECRETS}/{name}", patch, MERGE_PATCH), f"patch Secret {name}")

    async def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = JSON
    ) -> tuple[int, Mapping[str, Any]]:
        import aiohttp

        try:
            request = await self._api.param_serialize(
                method,
                path,
                path_params={"namespace": self._namespace},
                query_params=[],
                header_params={"Accept": JSON, "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
            timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
            response = await self._api.call_api(*request, _request_timeout=timeout)
            content = await response.read()
            return response.status, json.loads(content) if content else {}
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
            where = self._api.configuration.host
            raise ClusterAway(f"the API server does not answer at {where}: {reason}") from error

    def _good(self, status: int, body: Mapping[str, Any], verb: str) -> Mapping[str, Any]:
        said = body.get("message") or status
        if status == HTTPStatus.CONFLICT:
            raise Overtaken(said)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise DevstackError(f"the API server does not let this account {verb} in {self._namespace}: {said}")
        if status >= HTTPStatus.BAD_REQUEST:
            raise ClusterAway(f"the API server answered {status} to {verb}: {said}")
        return body


def _encoded(data: Data) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}

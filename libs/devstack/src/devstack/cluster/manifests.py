"""Secrets as manifests: JSON documents, which are YAML as well, for those who keep them elsewhere."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from devstack.cluster.contents import Data
from devstack.errors import DevstackError

SEPARATOR = "---\n"


def printed(namespace: str, labels: Mapping[str, str], secrets: Mapping[str, Data]) -> str:
    """One document for each Secret."""
    return SEPARATOR.join(f"{json.dumps(_manifest(namespace, labels, *one), indent=2)}\n" for one in secrets.items())


def parsed(text: str) -> dict[str, Data]:
    """What such a text, or `kubectl get secrets --output=json`, holds, by name. Raises DevstackError."""
    try:
        documents = [json.loads(part) for part in text.split(f"\n{SEPARATOR}") if part.strip()]
        return {one["metadata"]["name"]: _values(one) for one in _secrets(documents)}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DevstackError(
            f"--from: neither what `mews cluster secrets` prints nor `kubectl get secrets --output=json`: {error!r}"
        ) from error


def _manifest(namespace: str, labels: Mapping[str, str], name: str, data: Data) -> Mapping[str, Any]:
    meta = {"name": name, "namespace": namespace, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "stringData": dict(data)}


def _secrets(documents: list[Any]) -> Iterator[Any]:
    for one in documents:
        if one["kind"] == "Secret":
            yield one
        elif one["kind"] == "List":
            yield from _secrets(one["items"])


def _values(secret: Any) -> Data:
    encoded = {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
    return {**encoded, **(secret.get("stringData") or {})}

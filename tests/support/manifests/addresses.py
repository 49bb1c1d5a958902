"""Hosts and ports in environments: each is that of a Service with this port, or of something outside that is meant."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from tests.support.manifests.objects import Manifest, named

DOMAINS = ("", ".{namespace}", ".{namespace}.svc", ".{namespace}.svc.cluster.local")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})
NOT_CALLED = frozenset({"HTTP_HOST", "GATEWAY_ALLOWED_ORIGINS", "GATEWAY_RESOURCE_URL"})
"""Where a process listens, or is called from."""


def lost(
    variables: Mapping[str, str], manifests: Sequence[Manifest], namespace: str, outside: Collection[str] = ()
) -> list[str]:
    """Addresses that lead nowhere; `outside`: hosts beyond the release that are meant."""
    found = [*_pairs(variables), *_urls(variables)]
    return [
        f"{name}: nobody is at {host}:{port}"
        for name, host, port in found
        if host not in outside and not _is_there(host, port, manifests, namespace)
    ]


def called(variables: Mapping[str, str], manifests: Sequence[Manifest], namespace: str) -> set[tuple[str, int]]:
    """Services of the release, with ports, whose addresses are among the variables."""
    found = [*_pairs(variables), *_urls(variables)]
    services = ((_service(host, manifests, namespace), port) for _, host, port in found)
    return {(service["metadata"]["name"], port) for service, port in services if service is not None}


def _pairs(variables: Mapping[str, str]) -> Iterator[tuple[str, str, int]]:
    for name in variables.keys() - NOT_CALLED:
        port = variables.get(f"{name.removesuffix('_HOST')}_PORT")
        if name.endswith("_HOST") and port:
            for host in variables[name].split(","):
                alone, _, own_port = host.strip().partition(":")
                yield name, alone, int(own_port or port)


def _urls(variables: Mapping[str, str]) -> Iterator[tuple[str, str, int]]:
    for name, value in variables.items():
        if "://" in value and name not in NOT_CALLED:
            for url in value.split(","):
                parts = urlsplit(url.strip())
                if parts.hostname:
                    yield name, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _is_there(host: str, port: int, manifests: Sequence[Manifest], namespace: str) -> bool:
    if host in LOOPBACK:
        return True
    service = _service(host, manifests, namespace)
    return service is not None and any(entry["port"] == port for entry in service["spec"]["ports"])


def _service(host: str, manifests: Sequence[Manifest], namespace: str) -> Manifest | None:
    for domain in DOMAINS:
        suffix = domain.format(namespace=namespace)
        # A pod of a StatefulSet has a name below its Service's.
        name = host.removesuffix(suffix).rpartition(".")[2] if suffix and host.endswith(suffix) else host
        found = named(manifests, "Service", name)
        if found is not None:
            return found
    return None

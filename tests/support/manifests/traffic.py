"""Who reaches whom: NetworkPolicies worked out as a cluster's network does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from tests.support.manifests.objects import Manifest, of_kind, selects, workloads

NAMESPACE_NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Peer:
    """A pod, or with an address alone something outside the cluster."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    ports: Mapping[str, int] = field(default_factory=dict[str, int])
    namespace: str | None = None
    namespace_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    address: str | None = None

    @property
    def all_namespace_labels(self) -> dict[str, str]:
        """Labels of its namespace, with the one that each namespace has."""
        return {NAMESPACE_NAME: self.namespace or "", **self.namespace_labels}


@dataclass(frozen=True)
class Network:
    """The policies of one namespace."""

    namespace: str
    policies: tuple[Manifest, ...]

    @classmethod
    def of(cls, manifests: Sequence[Manifest], namespace: str) -> "Network":
        """The policies among some manifests."""
        return cls(namespace, tuple(of_kind(manifests, "NetworkPolicy")))

    def allows(self, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
        """Whether a connection comes through: its source lets it out, and its target lets it in."""
        out = self._passes(source, target, target, port, protocol, "Egress")
        return out and self._passes(target, source, target, port, protocol, "Ingress")

    def _passes(self, here: Peer, other: Peer, target: Peer, port: int, protocol: str, direction: str) -> bool:
        holding = [policy for policy in self.policies if self._holds(policy, here, direction)]
        rules = [rule for policy in holding for rule in policy["spec"].get(direction.lower()) or []]
        way = "from" if direction == "Ingress" else "to"
        return not holding or any(
            self._is_peer(rule.get(way), other) and _is_port(rule.get("ports"), target, port, protocol)
            for rule in rules
        )

    def _holds(self, policy: Manifest, peer: Peer, direction: str) -> bool:
        if peer.namespace != self.namespace or not selects(policy["spec"]["podSelector"], peer.labels):
            return False
        default = ["Ingress", "Egress"] if "egress" in policy["spec"] else ["Ingress"]
        return direction in policy["spec"].get("policyTypes", default)

    def _is_peer(self, peers: Sequence[Manifest] | None, other: Peer) -> bool:
        return not peers or any(self._is_one(peer, other) for peer in peers)

    def _is_one(self, peer: Manifest, other: Peer) -> bool:
        if block := peer.get("ipBlock"):
            return other.address is not None and _within(other.address, block)
        if other.namespace is None:
            return False
        if "namespaceSelector" in peer:
            there = selects(peer["namespaceSelector"], other.all_namespace_labels)
        else:
            there = other.namespace == self.namespace
        return there and ("podSelector" not in peer or selects(peer["podSelector"], other.labels))


def pods(manifests: Sequence[Manifest], namespace: str) -> list[Peer]:
    """A pod of each workload."""
    return [Peer(made.title, made.labels, made.ports, namespace) for made in workloads(manifests)]


def edges(network: Network, sources: Iterable[Peer], targets: Iterable[Peer]) -> set[tuple[str, str, int]]:
    """Names of all pairs that reach each other, with the port."""
    return {
        (source.name, target.name, port)
        for target in targets
        for port in set(target.ports.values())
        for source in sources
        if source != target and network.allows(source, target, port)
    }


def _within(address: str, block: Manifest) -> bool:
    there = ip_address(address)
    exceptions: Sequence[str] = block.get("except") or ()
    return there in ip_network(block["cidr"]) and not any(there in ip_network(hole) for hole in exceptions)


def _is_port(ports: Sequence[Manifest] | None, target: Peer, port: int, protocol: str) -> bool:
    return not ports or any(_is_one_port(entry, target, port, protocol) for entry in ports)


def _is_one_port(entry: Manifest, target: Peer, port: int, protocol: str) -> bool:
    if entry.get("protocol", "TCP") != protocol:
        return False
    match entry.get("port"):
        case None:
            return True
        case str() as name:
            return target.ports.get(name) == port
        case first:
            return int(first) <= port <= int(entry.get("endPort", first))

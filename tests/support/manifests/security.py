"""The Pod Security Standard "restricted", with all of "baseline", and what this project asks for beside.

The rules: https://kubernetes.io/docs/concepts/security/pod-security-standards.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.support.manifests.objects import Manifest, Workload, workloads

VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
SECCOMP = frozenset({"RuntimeDefault", "Localhost"})
APPARMOR = frozenset({"RuntimeDefault", "Localhost"})
HOOKS = ("livenessProbe", "readinessProbe", "startupProbe")
ACTIONS = ("httpGet", "tcpSocket")


def restricted(manifests: Sequence[Manifest]) -> list[str]:
    """What admission at the level "restricted" would refuse."""
    return [complaint for workload in workloads(manifests) for complaint in _pod(workload)]


def beyond_restricted(manifests: Sequence[Manifest]) -> list[str]:
    """What else an intruder must not find: a root file system that can be written, a token, a user by name."""
    return [complaint for workload in workloads(manifests) for complaint in _hardened(workload)]


def _pod(workload: Workload) -> Iterator[str]:
    spec = workload.spec
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield f"{workload.title}: {field} must not be true"
    for volume in spec.get("volumes") or []:
        for unknown in volume.keys() - {"name"} - VOLUMES:
            yield f"{workload.title}: volume {volume['name']} is a {unknown}, not one of {sorted(VOLUMES)}"
    for sysctl in _context(spec).get("sysctls") or []:
        if sysctl["name"] not in SYSCTLS:
            yield f"{workload.title}: sysctl {sysctl['name']} is not a safe one"
    yield from (f"{workload.title}: {found}" for found in _shared(_context(spec)))
    for container in workload.containers:
        yield from (f"{container.name}: {found}" for found in _container(spec, container.body))


def _container(spec: Manifest, container: Manifest) -> Iterator[str]:
    own = _context(container)
    if own.get("privileged"):
        yield "privileged must not be true"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation must be false"
    if (own.get("procMount") or "Default") != "Default":
        yield "procMount must be Default"
    yield from _capabilities(own.get("capabilities") or {})
    yield from _effective(spec, own)
    yield from _shared(own)
    yield from _host_fields(container)


def _capabilities(capabilities: Manifest) -> Iterator[str]:
    if "ALL" not in (capabilities.get("drop") or []):
        yield "capabilities.drop must hold ALL"
    for added in set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
        yield f"capabilities.add must not hold {added}"


def _effective(spec: Manifest, own: Manifest) -> Iterator[str]:
    """What a container may leave to its pod."""
    both = _context(spec) | own
    if both.get("runAsNonRoot") is not True:
        yield "runAsNonRoot must be true"
    if (both.get("seccompProfile") or {}).get("type") not in SECCOMP:
        yield f"seccompProfile.type must be one of {sorted(SECCOMP)}"


def _shared(context: Manifest) -> Iterator[str]:
    """What pods and containers have alike."""
    if context.get("runAsUser") == 0:
        yield "runAsUser must not be 0"
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield "windowsOptions.hostProcess must not be true"
    selinux: Manifest = context.get("seLinuxOptions") or {}
    if selinux.get("type", "") not in SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield "seLinuxOptions must not choose a user, a role or a type of its own"
    apparmor: Manifest | None = context.get("appArmorProfile")
    if apparmor and apparmor["type"] not in APPARMOR:
        yield f"appArmorProfile.type must be one of {sorted(APPARMOR)}"


def _host_fields(container: Manifest) -> Iterator[str]:
    if any(port.get("hostPort") for port in container.get("ports") or []):
        yield "hostPort must not be set"
    hooks: list[Any] = [container.get(name) for name in HOOKS]
    hooks += (container.get("lifecycle") or {}).values()
    if any((hook.get(action) or {}).get("host") for hook in hooks if hook for action in ACTIONS):
        yield "host of a probe or lifecycle hook must not be set"


def _hardened(workload: Workload) -> Iterator[str]:
    if workload.spec.get("automountServiceAccountToken") is None:
        yield f"{workload.title}: automountServiceAccountToken must be said"
    if workload.spec.get("enableServiceLinks") is not False:
        yield f"{workload.title}: enableServiceLinks must be false: a Service `redis` would set REDIS_PORT=tcp://…"
    for container in workload.containers:
        own = _context(container.body)
        both = _context(workload.spec) | own
        for field in ("runAsUser", "runAsGroup"):
            if not both.get(field):
                yield f"{container.name}: {field} must be a number above 0, since kubelet cannot check a name"
        if own.get("readOnlyRootFilesystem") is not True:
            yield f"{container.name}: readOnlyRootFilesystem must be true"


def _context(holder: Manifest) -> Manifest:
    return holder.get("securityContext") or {}

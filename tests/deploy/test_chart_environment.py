"""The environments of the chart's containers, read by the settings of the processes that run in them."""

from collections.abc import Iterator, Mapping

from devstack.cluster.contents import Data
from tests.deploy.conftest import Render
from tests.support.manifests import addresses, environment, files, processes
from tests.support.manifests.objects import Container, Manifest, Workload, the, workloads
from tests.support.manifests.rendering import NAMESPACE, Rendered

OF_THE_USER = "a-value-of-the-users"


def test_every_variable_is_one_that_the_process_reads(manifests: list[Manifest]) -> None:
    unread = {
        container.name: names
        for _, container in _ours(manifests)
        if _serves(container)
        and (names := processes.unknown(processes.image_of(container), set(environment.names(container, manifests))))
    }
    assert unread == {}


def test_every_process_would_start_with_its_environment_and_the_secrets_of_setup(
    manifests: list[Manifest], secrets: dict[str, Data]
) -> None:
    refusals = {
        container.name: why
        for workload, container in _ours(manifests)
        if _serves(container)
        if (
            why := processes.refused(processes.image_of(container), _variables(workload, container, manifests, secrets))
        )
    }
    assert refusals == {}


def test_the_test_calls_with_the_key_that_takes_the_place_of_the_first_administrators(render_with: Render) -> None:
    key = {"name": "mews-test", "key": "api_key"}
    spec = the(render_with(gateway={"keys": {"admin_token": key}}), "Pod", "mews-test")["spec"]
    calling = [*spec["initContainers"], *spec["containers"]]
    given = [found for one in calling for found in one["env"] if found["name"] == "MEWS_TOKEN"]
    assert [found["valueFrom"]["secretKeyRef"] for found in given] == [key] * len(calling)


def test_every_address_is_that_of_a_service_or_of_the_users_own_store(rendered: Rendered) -> None:
    outside = _outside(rendered)
    lost = [
        f"{container.name}: {complaint}"
        for workload, container in _ours(rendered.manifests)
        for complaint in addresses.lost(
            _variables(workload, container, rendered.manifests), rendered.manifests, NAMESPACE, outside
        )
    ]
    assert lost == []


def test_every_file_that_a_variable_names_is_mounted(manifests: list[Manifest]) -> None:
    absent = [
        complaint
        for workload, container in _ours(manifests)
        for complaint in files.absent(workload, container, _variables(workload, container, manifests))
    ]
    assert absent == []


def test_every_process_has_a_place_for_temporary_files(manifests: list[Manifest]) -> None:
    assert [
        container.name for _, container in _ours(manifests) if _serves(container) and files.without_tmp(container)
    ] == []


def test_secrets_come_by_reference_alone(manifests: list[Manifest]) -> None:
    written = [
        f"{container.name}: {name}"
        for workload, container in _ours(manifests)
        for name, value in _variables(workload, container, manifests).items()
        if value and processes.is_secret(processes.image_of(container), name)
    ]
    assert written == []


def test_no_variable_is_given_twice(manifests: list[Manifest]) -> None:
    repeated = {container.name: environment.repeated(container) for _, container in _ours(manifests)}
    assert {name: twice for name, twice in repeated.items() if twice} == {}


def test_a_worker_has_the_name_of_its_pod_and_its_own_credential(manifests: list[Manifest]) -> None:
    ((workload, container),) = [
        (workload, container)
        for workload, container in _ours(manifests)
        if workload.kind == "StatefulSet" and _serves(container) and processes.image_of(container) == "worker-agent"
    ]
    assert _variables(workload, container, manifests)["WORKER_ID"] == "mews-worker-0"
    mounts = [mount for mount in container.body["volumeMounts"] if "subPathExpr" in mount]
    assert [mount["subPathExpr"] for mount in mounts] == ["$(POD_NAME).creds"]


def test_the_sandbox_shares_the_socket_with_its_worker_and_nothing_else(manifests: list[Manifest]) -> None:
    (workload,) = [found for found in workloads(manifests) if found.title == "StatefulSet/mews-worker"]
    worker, sandbox = (
        next(container for container in workload.containers if container.body["name"] == name)
        for name in ("worker-agent", "sandbox")
    )
    assert sandbox.sidecar
    shared = _volumes(worker).keys() & _volumes(sandbox).keys()
    assert {_volumes(sandbox)[name] for name in shared} == {"/run/mews"}
    users = [(workload.spec["securityContext"] | one.body["securityContext"])["runAsUser"] for one in (worker, sandbox)]
    assert users == [10001, 10002]
    assert _variables(workload, sandbox, manifests)["SANDBOX_ALLOWED_UIDS"] == "10001"


def _volumes(container: Container) -> dict[str, str]:
    return {mount["name"]: mount["mountPath"] for mount in container.body["volumeMounts"]}


def _ours(manifests: list[Manifest]) -> Iterator[tuple[Workload, Container]]:
    for workload in workloads(manifests):
        for container in workload.containers:
            if processes.image_of(container) in processes.IMAGES:
                yield workload, container


def _serves(container: Container) -> bool:
    """Whether it runs the image's own program."""
    return "command" not in container.body


def _variables(
    workload: Workload, container: Container, manifests: list[Manifest], secrets: Mapping[str, Data] | None = None
) -> dict[str, str]:
    """Its environment with the values of these Secrets, and without any Secret's if there are none."""

    def value(name: str, key: str) -> str:
        return "" if secrets is None else secrets.get(name, {}).get(key, OF_THE_USER)

    return environment.environment(workload, container, manifests, value)


def _outside(rendered: Rendered) -> set[str]:
    """Hosts that the values name themselves."""
    stores = (rendered.values[store] for store in ("postgres", "nats", "redis"))
    hosts = {host for store in stores if not store["deploy"] for host in store["external"]["host"].split(",")}
    urls = (rendered.values["egressProxy"]["url"], rendered.values["otel"]["endpoint"])
    return hosts | {url.partition("://")[2].partition(":")[0] for url in urls if url}

"""Pods wait for a credential of the bus that gives what their version needs, and no longer."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from contracts.permissions import SERVICES, Rights, lacking, rights_of_service, rights_of_worker
from devstack.bus import claims
from devstack.cluster.contents import Data
from servicekit.bus.credential import rights_given_by
from servicekit.bus.keys import Credentials, KeyPair, Role
from tests.support.manifests.objects import Manifest, Workload, workloads
from tests.support.manifests.rendering import Rendered

WORKER = "mews-worker-0"
RIGHTS = rights_of_worker(WORKER)
BUS = "/etc/mews/bus"


def test_every_pod_with_a_credential_waits_for_its_own_first(rendered: Rendered) -> None:
    services = {f"Deployment/mews-{name}": [f"{BUS}/bus.creds", "service", name] for name in SERVICES}
    worker = {"StatefulSet/mews-worker": [f"{BUS}/$(POD_NAME).creds", "worker", "$(POD_NAME)"]}
    waiting = {one.title: _first(one)["command"][-3:] for one in workloads(rendered.manifests) if _has_credential(one)}
    is_used = rendered.values["nats"]["credentials"]["enabled"]
    assert waiting == (services | worker if is_used else {})


def test_what_the_setup_makes_is_what_pods_wait_for(rendered: Rendered, secrets: Mapping[str, Data]) -> None:
    made = {key.removesuffix(".creds"): text for data in secrets.values() for key, text in data.items()}
    needed = {name: rights_of_service(name) for name in SERVICES} | {WORKER: RIGHTS}
    is_made = [name for name in needed if name in made]
    assert is_made == (list(needed) if rendered.values["nats"]["credentials"]["enabled"] else [])
    given = {name: rights_given_by(Credentials.parse(made[name]).jwt) for name in is_made}
    assert [name for name in is_made if lacking(needed[name], given[name])] == []


def test_a_worker_starts_once_its_credential_has_the_rights_of_its_version(
    renders: Callable[[str], Rendered], tmp_path: Path
) -> None:
    (pod,) = [one for one in workloads(renders("default").manifests) if one.title == "StatefulSet/mews-worker"]
    program = _first(pod)["command"]
    assert program[:3] == ["/usr/bin/tini", "--", "python"]
    given = [one.replace("$(POD_NAME)", WORKER).replace(BUS, str(tmp_path)) for one in program[3:]]
    file = tmp_path / f"{WORKER}.creds"
    with subprocess.Popen([sys.executable, *given], stdout=subprocess.PIPE, text=True, env=os.environ) as waiting:
        assert waiting.stdout is not None
        assert "there is no such credential yet" in waiting.stdout.readline()
        _put(file, RIGHTS.publish[1:])
        assert f"it gives no right to publish {RIGHTS.publish[0]}" in waiting.stdout.readline()
        _put(file, RIGHTS.publish)
        assert waiting.wait() == 0


def _has_credential(workload: Workload) -> bool:
    mounts = [mount["mountPath"] for one in workload.containers if not one.init for mount in one.body["volumeMounts"]]
    return any(path.startswith(BUS) for path in mounts)


def _first(workload: Workload) -> Manifest:
    return workload.spec["initContainers"][0]


def _put(file: Path, publish: tuple[str, ...]) -> None:
    user, account = KeyPair.generate(Role.user), KeyPair.generate(Role.account)
    told = claims.user(user.public, WORKER, Rights(publish, RIGHTS.subscribe), None)
    new = file.with_suffix(".new")
    new.write_text(str(Credentials(claims.signed(told, account, 0), user)))
    new.rename(file)

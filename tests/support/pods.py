"""Pods of a rendered chart as processes of this machine: environment, files and arguments are those of the chart."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devstack.ports import free_port
from tests.support.manifests import environment, processes
from tests.support.manifests.objects import Container, Manifest, Workload, workloads

HERE = "127.0.0.1"
STORES = ("NATS", "POSTGRES", "REDIS")
MEWS = Path(sys.executable).parent / "mews"

Secrets = Mapping[str, Mapping[str, str]]


def held(names: Iterable[str]) -> "dict[str, socket.socket]":
    """A port for each of these, which nobody else takes until it is let go."""
    return {name: socket.create_server((HERE, free_port(HERE))) for name in names}


@dataclass
class Node:
    """Runs containers. `doors` has a port of this machine for each object that listens, by name."""

    folder: Path
    manifests: list[Manifest]
    secrets: Secrets
    doors: "dict[str, socket.socket]"
    ports: dict[str, int] = field(init=False)
    running: "list[subprocess.Popen[bytes]]" = field(default_factory=list["subprocess.Popen[bytes]"])

    def __post_init__(self) -> None:
        self.ports = {name: door.getsockname()[1] for name, door in self.doors.items()}

    def let_go(self, name: str) -> None:
        """Free the port of what is about to listen there."""
        if name in self.doors:
            self.doors.pop(name).close()

    def start(self, title: str, container: str, **changed: str) -> "subprocess.Popen[bytes]":
        """Start a container of the workload `<kind>/<name>`; what is `changed` is what only a cluster could have."""
        workload, found = self._find(title, container)
        self._mount(workload, found)
        if not found.init:
            self.let_go(workload.name)
        with self._log(workload).open("ab") as log:
            process = subprocess.Popen(
                command(found), env=self.variables(title, container) | changed, stdout=log, stderr=log, cwd="/"
            )
        self.running.append(process)
        return process

    def variables(self, title: str, container: str) -> dict[str, str]:
        """The variables of a container, with addresses and paths of this machine."""
        workload, found = self._find(title, container)
        given = environment.environment(workload, found, self.manifests, lambda name, key: self.secrets[name][key])
        paths = {mount["mountPath"]: str(self._volume(workload, mount)) for mount in found.body["volumeMounts"]}
        moved = {name: self._here(value, paths) for name, value in given.items()}
        stores = {name: self.ports[moved[f"{name}_HOST"]] for name in STORES if f"{name}_HOST" in moved}
        addresses = {f"{name}_HOST": HERE for name in stores} | {f"{name}_PORT": str(p) for name, p in stores.items()}
        own = {"HTTP_PORT": str(self.ports[workload.name])} if workload.name in self.ports else {}
        return {"PATH": os.environ["PATH"], "HOME": "/tmp"} | moved | addresses | own

    def url(self, name: str) -> str:
        """The address of what listens."""
        return f"http://{HERE}:{self.ports[name]}"

    def log(self, title: str) -> str:
        """What the containers of a workload have written."""
        return self._log(self._find(title, None)[0]).read_text()

    def stop(self) -> None:
        """End all containers, and free all ports."""
        for process in self.running:
            process.kill()
            process.wait()
        for name in list(self.doors):
            self.let_go(name)

    def _find(self, title: str, container: str | None) -> tuple[Workload, Container]:
        workload = next(one for one in workloads(self.manifests) if one.title == title)
        return workload, next(one for one in workload.containers if container in (None, one.body["name"]))

    def _here(self, value: str, paths: Mapping[str, str]) -> str:
        for name, port in self.ports.items():
            value = value.replace(f"http://{name}:8080", f"http://{HERE}:{port}")
        path = next((path for path in sorted(paths, key=len, reverse=True) if value.startswith(f"{path}/")), None)
        # A file that is mounted by its own name is the whole path.
        return paths.get(value) or (value if path is None else paths[path] + value.removeprefix(path))

    def _volume(self, workload: Workload, mount: Manifest) -> Path:
        pod = f"{workload.name}-0"
        return self.folder / pod / mount["name"] / mount.get("subPathExpr", "").replace("$(POD_NAME)", pod)

    def _mount(self, workload: Workload, container: Container) -> None:
        volumes = {volume["name"]: volume for volume in workload.spec.get("volumes") or []}
        for mount in container.body["volumeMounts"]:
            place = self.folder / f"{workload.name}-0" / mount["name"]
            place.mkdir(parents=True, exist_ok=True)
            secret = volumes.get(mount["name"], {}).get("secret")
            for path, value in self._files(secret).items() if secret else ():
                (place / path).write_text(value)

    def _files(self, secret: Manifest) -> Mapping[str, str]:
        data = self.secrets[secret["secretName"]]
        items = secret.get("items")
        return {item["path"]: data[item["key"]] for item in items} if items else data

    def _log(self, workload: Workload) -> Path:
        return self.folder / f"{workload.name}.log"


def command(container: Container) -> list[str]:
    """What an image of the platform starts with these arguments."""
    image = processes.image_of(container)
    program = [str(MEWS)] if image == processes.TOOLS else [sys.executable, "-P", "-m", image.replace("-", "_")]
    return [*program, *container.body["args"]]

"""A real Prometheus: the machine's own, or that of Debian's package, unpacked beside the checkout without root."""

import json
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from devstack.ports import free_port
from tests.support.mews import ROOT

FOLDER = ROOT / ".mews" / "prometheus"
PROGRAMS = ("prometheus", "promtool")
START_WITHIN_S = 30.0


class NoPrometheus(Exception):
    """There is none on this machine, and none can be had."""


@cache
def program(name: str) -> str:
    """The path of `prometheus` or `promtool`. Raises NoPrometheus with the reason."""
    own = FOLDER / "usr" / "bin" / name
    found = shutil.which(name)
    if found is None and not own.exists():
        _unpack()
    return found or str(own)


def promtool(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool. Raises NoPrometheus."""
    command = [program("promtool"), *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)


class Prometheus:
    """One that runs."""

    def __init__(self, port: int) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)

    @property
    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, path: str, **params: str) -> Any:
        """The data of an answer of its API."""
        answer = self._client.get(f"/api/v1/{path}", params=params)
        assert answer.status_code == 200, f"{params}: {answer.text}"
        return answer.json()["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        return self.ask("query", query=expr)["result"]

    def close(self) -> None:
        """Close the client."""
        self._client.close()


@contextmanager
def running_prometheus(folder: Path, config: dict[str, Any]) -> Generator[Prometheus]:
    """A Prometheus with this configuration and its data in `folder`. Raises NoPrometheus."""
    binary, port = program("prometheus"), free_port()
    (folder / "prometheus.yml").write_text(json.dumps(config))
    command = [
        *(binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
        f"--web.listen-address=127.0.0.1:{port}",
        *(f"--web.console.{part}={folder}" for part in ("templates", "libraries")),
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    server = Prometheus(port)
    try:
        yield server
    finally:
        server.close()
        process.terminate()
        process.wait(timeout=30)


def _unpack() -> None:
    """Download Debian's package and unpack it: it is two programs that stand alone."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise NoPrometheus(
            "there is no prometheus on PATH, and this machine has no apt-get and dpkg-deb to fetch it with"
        )
    work = FOLDER.with_suffix(".fresh")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    done = subprocess.run(["apt-get", "download", "prometheus"], cwd=work, capture_output=True, text=True, check=False)
    packages = list(work.glob("prometheus_*.deb"))
    if done.returncode or not packages:
        raise NoPrometheus(f"`apt-get download prometheus` gave none: {done.stderr.strip()[-300:]}")
    subprocess.run(["dpkg-deb", "-x", str(packages[0]), str(work)], check=True)
    packages[0].unlink()
    shutil.rmtree(FOLDER, ignore_errors=True)
    work.rename(FOLDER)

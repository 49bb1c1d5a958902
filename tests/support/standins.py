"""Programs that stand in for the services where only their being run is tested: the real ones take seconds to start."""

import os
import sys
from pathlib import Path

from devstack.services import SERVICES

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import os, socket, sys

if sys.argv[1] == "migrate":
    sys.exit("POSTGRES_OWNER_PASSWORD" not in os.environ)
listener = socket.create_server((os.environ["HTTP_HOST"], int(os.environ["HTTP_PORT"])))
print('{"event": "listening", "level": "info", "timestamp": "2026-01-02T10:00:00.123456Z"}', flush=True)
while True:
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
"""


def environment_with_standins(folder: Path) -> dict[str, str]:
    """Make a project folder whose services are stand-ins; the environment in which `mews` runs them."""
    modules = folder / "modules"
    for service in SERVICES:
        package = modules / service.module
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "migrations").mkdir()
        (package / "migrations" / "__init__.py").touch()
        (package / "__main__.py").write_text(PROGRAM)
    home = folder / "home"
    (home / ".mews").mkdir(parents=True)
    (home / ".mews" / "nats").symlink_to(ROOT / ".mews" / "nats")
    return {**os.environ, "MEWS_HOME": str(home), "PYTHONPATH": str(modules), "PATH": _path()}


def _path() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

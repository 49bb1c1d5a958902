"""One Python service as a managed process."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack.errors import DevstackError
from devstack.managed import Managed
from devstack.processes import launched
from devstack.servers.probes import http_ready

MIGRATE_WITHIN_S = 300


class Service(Managed):
    """`python -m <module> serve` with `env`, ready when `/readyz` at `address` says so.

    `address` is a (host, port) or the path of a Unix socket.
    """

    def __init__(
        self, name: str, module: str, *, env: Mapping[str, str], address: tuple[str, int] | Path, log: Path
    ) -> None:
        super().__init__(name, log)
        self._module = module
        self._env = env
        self._address = address

    def command(self) -> Sequence[str]:
        """The module; `-P` keeps the working folder off the import path."""
        return [sys.executable, "-P", "-m", self._module, "serve"]

    def environment(self) -> Mapping[str, str]:
        """The given environment and no more."""
        return self._env

    def answers(self) -> bool:
        """Whether it says that it is ready."""
        return http_ready(self._address)

    def clear_remains(self) -> None:
        """Make room for a Unix socket."""
        if isinstance(self._address, Path):
            self._address.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._address.unlink(missing_ok=True)


def migrate(module: str, *, env: Mapping[str, str], log: Path) -> int:
    """Run `python -m <module> migrate` to its end; the exit code. Raises DevstackError when it takes too long."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            return subprocess.run(
                launched([sys.executable, "-P", "-m", module, "migrate"]),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=MIGRATE_WITHIN_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise DevstackError(
                f"`python -m {module} migrate` has not ended after {MIGRATE_WITHIN_S} s; "
                f"free the machine and try again; see {log}"
            ) from None

"""Redis 6.2 or newer."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from devstack.servers.base import Server, ServerInfo
from devstack.servers.binaries import redis_server
from devstack.servers.probes import redis_answers


class Redis(Server):
    """One Redis with an append-only file; `password` None means that none is asked for."""

    kind = "redis"

    def __init__(
        self,
        data_dir: Path,
        *,
        password: str | None = None,
        port: int | None = None,
        host: str = "127.0.0.1",
        log: Path | None = None,
    ) -> None:
        super().__init__(data_dir, port=port, host=host, log=log)
        self._password = password
        self._program = redis_server()

    @property
    def info(self) -> ServerInfo:
        """Where it listens and its password."""
        return replace(super().info, password=self._password)

    def command(self) -> Sequence[str]:
        """The server, configured from standard arguments alone."""
        options = {
            "bind": self.host,
            "port": str(self.port),
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "save": "",
            "daemonize": "no",
        }
        if self._password:
            options["requirepass"] = self._password
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [str(self._program), *arguments]

    def answers(self) -> bool:
        """Whether it has loaded its data and replies."""
        return redis_answers(self.host, self.port)

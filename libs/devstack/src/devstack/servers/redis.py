"""Redis 6.2 or newer."""

import json
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
        """The server with its configuration, which is written on the way: a command line can be read by everybody."""
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
        file = self.data_dir / "redis.conf"
        file.touch(mode=0o600)
        file.write_text("".join(f"{name} {json.dumps(value, ensure_ascii=False)}\n" for name, value in options.items()))
        return [str(self._program), str(file)]

    def answers(self) -> bool:
        """Whether it has loaded its data and replies."""
        return redis_answers(self.host, self.port)

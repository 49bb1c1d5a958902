"""What the three servers have in common: a data directory and a port."""

from dataclasses import dataclass, field
from pathlib import Path

from devstack.errors import DevstackError
from devstack.managed import READY_WITHIN_S, Managed
from devstack.ports import free_port


@dataclass(frozen=True)
class ServerInfo:
    """Where a server listens and how to get in; `pid` is None when somebody else runs it."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    pid: int | None = None


class Server(Managed):
    """One server over one data directory; without `port` it takes a free one and keeps it while it can."""

    kind = "server"

    def __init__(
        self, data_dir: Path, *, port: int | None = None, host: str = "127.0.0.1", log: Path | None = None
    ) -> None:
        super().__init__(self.kind, log or data_dir.with_name(data_dir.name + ".log"))
        self.data_dir = data_dir
        self.host = host
        self._port: int | None = port

    @property
    def info(self) -> ServerInfo:
        """Where it listens; only known after the first start."""
        process = self.process
        return ServerInfo(self.host, self.port, pid=process.pid if process else None)

    @property
    def port(self) -> int:
        """Its port, the same over all restarts."""
        if self._port is None:
            raise DevstackError(f"{self.name} has never been started")
        return self._port

    def start(self, within: float = READY_WITHIN_S) -> ServerInfo:
        """Make the data directory if need be, start the server, and return when it answers."""
        self.bring_up(within)
        return self.info

    def prepare(self) -> None:
        """Make the data directory."""
        self.data_dir.mkdir(parents=True, exist_ok=True)

    def launch(self) -> None:
        """Start the process, the first time on a port chosen now; nothing happens if it runs."""
        if self._port is None:
            self._port = free_port(self.host)
        super().launch()

    def working_dir(self) -> Path:
        """Its data directory."""
        return self.data_dir

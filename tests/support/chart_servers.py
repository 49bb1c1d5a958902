"""The servers that the chart deploys, started here with the very configuration that their pods have."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack.paths import layout
from devstack.servers.base import Server
from devstack.servers.binaries import nats_server, redis_server
from devstack.servers.probes import nats_answers, redis_answers

POD = "mews-nats-0"


class ChartNats(Server):
    """NATS by the chart's ConfigMap, beside `server.conf` of the Secret that the setup makes."""

    kind = "nats"

    def __init__(self, folder: Path, configuration: str, told: str, *, port: int | None = None) -> None:
        super().__init__(folder, port=port)
        self._configuration = configuration
        self._told = told

    def command(self) -> Sequence[str]:
        """As the image is started, with ports and folders of this machine."""
        (self.data_dir / "server.conf").write_text(self._told)
        file = self.data_dir / "nats.conf"
        here = {"0.0.0.0": self.host, "4222": str(self.port), ":8222": ":0", "/data": str(self.data_dir / "data")}
        file.write_text(replaced(self._configuration, here))
        return [str(nats_server(layout().mews)), "--config", str(file)]

    def environment(self) -> Mapping[str, str]:
        """What the pod's container has."""
        return {"PATH": os.environ["PATH"], "POD_NAME": POD}

    def answers(self) -> bool:
        """Whether it takes connections and JetStream is on."""
        return nats_answers(self.host, self.port)


class ChartValkey(Server):
    """A Redis by the command of the chart's pod."""

    kind = "redis"

    def __init__(self, folder: Path, command: Sequence[str], password: str, *, port: int | None = None) -> None:
        super().__init__(folder, port=port)
        self._command = command
        self._password = password

    def command(self) -> Sequence[str]:
        """The pod's command, with port and folder of this machine."""
        program = self.data_dir / "bin" / "valkey-server"
        if not program.exists():
            program.parent.mkdir(parents=True)
            program.symlink_to(redis_server())
        here = {"bind * -::*": f"bind {self.host}\nport {self.port}", "/data": str(self.data_dir)}
        shell, *arguments = self._command
        return [shutil.which(shell) or shell, *(replaced(part, here) for part in arguments)]

    def environment(self) -> Mapping[str, str]:
        """What the pod's container has."""
        return {"PATH": f"{self.data_dir / 'bin'}:{os.environ['PATH']}", "REDISCLI_AUTH": self._password}

    def answers(self) -> bool:
        """Whether it replies, or asks for the password."""
        return redis_answers(self.host, self.port)


def replaced(text: str, by: Mapping[str, str]) -> str:
    """The text with each of these replaced; one that is not in it is no mistake."""
    for old, new in by.items():
        text = text.replace(old, new)
    return text

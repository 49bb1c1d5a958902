"""NATS 2.12 or newer, with JetStream."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from devstack.bus.authority import Authority
from devstack.paths import layout
from devstack.servers.base import Server, ServerInfo
from devstack.servers.binaries import nats_server
from devstack.servers.probes import nats_answers
from servicekit.clock import SystemClock

MAX_PAYLOAD_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Tls:
    """Files of a server that encrypts; with `verify` it asks clients for a certificate of the same authority."""

    certificate: Path
    key: Path
    ca: Path
    verify: bool = False


class Nats(Server):
    """One nats-server. `authority` says who may do what; without it, and without `user`, everybody may do all."""

    kind = "nats"

    def __init__(
        self,
        data_dir: Path,
        *,
        user: str | None = None,
        password: str | None = None,
        authority: Authority | None = None,
        tls: Tls | None = None,
        port: int | None = None,
        host: str = "127.0.0.1",
        log: Path | None = None,
    ) -> None:
        super().__init__(data_dir, port=port, host=host, log=log)
        self._user = user
        self._password = password
        self._authority = authority
        self._tls = tls
        self._program = nats_server(layout().mews)

    @property
    def info(self) -> ServerInfo:
        """Where it listens, with user and password if it has any."""
        return replace(super().info, user=self._user, password=self._password)

    def command(self) -> Sequence[str]:
        """The server with its configuration, which is written on the way."""
        file = self.data_dir / "nats.conf"
        file.touch(mode=0o600)
        if self._authority is not None:
            self._authority.write_accounts(SystemClock().now())
        # NATS reads JSON as its configuration language.
        file.write_text(json.dumps(self._configuration(), indent=2))
        return [str(self._program), "--config", str(file)]

    def answers(self) -> bool:
        """Whether it takes connections and JetStream is on."""
        return nats_answers(self.host, self.port)

    def _configuration(self) -> dict[str, object]:
        configuration: dict[str, object] = {
            "server_name": "mews",
            "host": self.host,
            "port": self.port,
            "max_payload": MAX_PAYLOAD_BYTES,
            "jetstream": {"store_dir": str(self.data_dir)},
        }
        if self._authority is not None:
            resolver = {"type": "full", "dir": str(self._authority.accounts), "allow_delete": False}
            configuration |= self._authority.server_configuration() | {"resolver": resolver}
        if self._tls is not None:
            configuration["tls"] = {
                "cert_file": str(self._tls.certificate),
                "key_file": str(self._tls.key),
                "ca_file": str(self._tls.ca),
                "verify": self._tls.verify,
            }
        if self._user:
            configuration["authorization"] = {"user": self._user, "password": self._password}
        return configuration

"""PostgreSQL 16."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from devstack.errors import DevstackError
from devstack.privilege import Identity, hand_over, unprivileged
from devstack.processes import ProcessId, all_pids, end_now, identify, launched, stop
from devstack.servers.base import Server, ServerInfo
from devstack.servers.binaries import postgres_folder
from devstack.servers.probes import postgres_answers

INITDB_WITHIN_S = 60
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class Postgres(Server):
    """One cluster whose superuser is `user`; `settings` are postgresql.conf parameters beyond the defaults."""

    kind = "postgres"
    stop_signal = signal.SIGINT
    death_signal = signal.SIGQUIT

    def __init__(
        self,
        data_dir: Path,
        *,
        password: str,
        user: str = "postgres",
        port: int | None = None,
        host: str = "127.0.0.1",
        log: Path | None = None,
        settings: Mapping[str, str] = NO_SETTINGS,
    ) -> None:
        super().__init__(data_dir, port=port, host=host, log=log)
        self._user = user
        self._password = password
        self._settings = settings
        self._programs = postgres_folder()

    @property
    def info(self) -> ServerInfo:
        """Where it listens, with the superuser's name and password."""
        return replace(super().info, user=self._user, password=self._password)

    def prepare(self) -> None:
        """Run initdb where there is no cluster yet; nothing takes what a run that was cut off leaves for one."""
        if (self.data_dir / "PG_VERSION").exists():
            return
        half_made = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(half_made, ignore_errors=True)
        half_made.parent.mkdir(parents=True, exist_ok=True)
        identity = unprivileged(half_made, self._programs)
        hand_over(half_made, identity)
        self._initdb(half_made, identity)
        if self.data_dir.exists():
            self.data_dir.rmdir()
        half_made.rename(self.data_dir)

    def command(self) -> Sequence[str]:
        """The postmaster; it listens on TCP alone."""
        settings = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "300",
            "logging_collector": "off",
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.data_dir), *options]

    def answers(self) -> bool:
        """Whether it takes connections."""
        return postgres_answers(self.host, self.port)

    def identity(self) -> Identity | None:
        """The owner of the cluster, when root started this."""
        return unprivileged(self.data_dir, self._programs)

    def clear_remains(self) -> None:
        """End what still runs on this cluster, and remove its lock file: its pid may be a stranger's by now."""
        for process in _running_in(self.data_dir):
            stop(process, first=signal.SIGINT)
        end_now(_running_in(self.data_dir))
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _initdb(self, folder: Path, identity: Identity | None) -> None:
        password_file = folder.with_name(folder.name + ".password")
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        if identity:
            os.chown(password_file, identity.uid, identity.gid)
        arguments = ["-D", str(folder), "-U", self._user, f"--pwfile={password_file}", "--auth=scram-sha-256"]
        if self._settings.get("fsync") == "off":
            arguments.append("--no-sync")
        command = [str(self._programs / "initdb"), *arguments, "--encoding=UTF8", "--locale=C", "--no-instructions"]
        try:
            done = subprocess.run(
                launched(command, identity=identity, death_signal=signal.SIGKILL),
                cwd=folder, capture_output=True, text=True, timeout=INITDB_WITHIN_S, check=False,
            )  # fmt: skip
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise DevstackError(f"initdb failed in {folder}: {done.stderr.strip()}")


def _running_in(data_dir: Path) -> list[ProcessId]:
    """PostgreSQL processes whose working folder is `data_dir`."""
    found = [identify(pid) for pid in all_pids() if _is_postgres_in(pid, data_dir)]
    return [process for process in found if process]


def _is_postgres_in(pid: int, data_dir: Path) -> bool:
    entry = Path(f"/proc/{pid}")
    try:
        return entry.joinpath("comm").read_text().strip() == "postgres" and (entry / "cwd").readlink() == data_dir
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return False

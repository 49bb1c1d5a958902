"""What all load tests share: real servers, the machine's load, figures, and a table that sets them side by side."""

import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from devstack.servers.nats import Nats
from devstack.servers.redis import Redis
from tests.support.stack import Database, TestPostgres

# Durable as in production; the time of each commit is kept, so that latency ends where the data is safe.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "track_commit_timestamp": "on"}


@dataclass(frozen=True)
class Servers:
    """Fresh servers of one run."""

    database: Database
    postgres: TestPostgres
    nats: Nats
    redis: Redis

    def env(self, schema: str) -> dict[str, str]:
        """All variables by which a service finds them."""
        nats = {"NATS_HOST": self.nats.host, "NATS_PORT": str(self.nats.port)}
        redis = {"REDIS_HOST": self.redis.host, "REDIS_PORT": str(self.redis.port)}
        return dict(os.environ) | self.database.env(schema) | nats | redis | {"LOG_LEVEL": "warning"}


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured, the product beside its baseline."""

    name: str
    unit: str
    product: float
    baseline: float
    higher_is_better: bool = True

    @property
    def ratio(self) -> float:
        """Product over baseline."""
        return self.product / self.baseline if self.baseline else float("nan")


@dataclass
class Report:
    """All figures of one run, with the machine's load before and after."""

    title: str
    figures: list[Figure] = field(default_factory=list[Figure])
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def add(self, name: str, unit: str, product: float, baseline: float, *, higher_is_better: bool = True) -> None:
        """Add a line."""
        self.figures.append(Figure(name, unit, product, baseline, higher_is_better))

    def show(self, *, as_json: bool) -> None:
        """Print everything."""
        if as_json:
            rows = [asdict(figure) | {"ratio": figure.ratio} for figure in self.figures]
            print(json.dumps({"title": self.title, "machine": self._machine(), "figures": rows}, indent=1))
            return
        print(f"\n{self.title}\n{self._machine()}\n")
        print(f"{'':44}{'product':>12}{'bare loop':>12}{'ratio':>8}")
        for figure in self.figures:
            label = f"{figure.name} ({figure.unit})"
            print(f"{label:44}{figure.product:>12,.1f}{figure.baseline:>12,.1f}{figure.ratio:>8.2f}")

    def _machine(self) -> str:
        return f"{os.cpu_count()} cores; load {self.load_before:.1f} before, {os.getloadavg()[0]:.1f} after"


@contextmanager
def fresh_servers(keep: Path | None = None) -> Generator[Servers]:
    """PostgreSQL, NATS and Redis, as durable as in production, gone at the end. For use outside of an event loop.

    In a folder to `keep` PostgreSQL's databases stay, and are there again the next time.
    """
    with tempfile.TemporaryDirectory(prefix="mews-load-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        postgres = TestPostgres(keep or folder, settings=DURABLE)
        nats, redis = Nats(folder / "nats"), Redis(folder / "redis")
        try:
            for server in (postgres, nats, redis):
                server.start()
            postgres.make_template()
            yield Servers(postgres.create(), postgres, nats, redis)
        finally:
            for server in (redis, nats, postgres):
                server.stop()


async def migrated(servers: Servers, schema: str, package: str) -> None:
    """Make a service's tables as the service itself does."""
    command = [sys.executable, "-m", package, "migrate"]
    migrate = await asyncio.create_subprocess_exec(*command, env=servers.env(schema))
    assert await migrate.wait() == 0


def percentiles(values: Sequence[float]) -> Mapping[str, float]:
    """p50 and p99."""
    cuts: list[Any] = statistics.quantiles(values, n=100)
    return {"p50": cuts[49], "p99": cuts[98]}

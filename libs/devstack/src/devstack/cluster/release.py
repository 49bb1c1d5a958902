"""One release of the chart: how its Secrets are called, and which of them are made here."""

from collections.abc import Mapping
from dataclasses import dataclass

from devstack.errors import DevstackError

POSTGRES, REDIS, SERVICES, GATEWAY, BUS, BUS_WORKERS = GROUPS = (
    "postgres",
    "redis",
    "services",
    "gateway",
    "bus",
    "bus-workers",
)
AUTHORITY = "bus-authority"
# A Secret holds 1 MiB, and the credentials of a worker are 3 KB of it.
MOST_WORKERS = 300


@dataclass(frozen=True)
class Release:
    """`name` is the chart's fullname; `workers` the largest number of them; `groups` the Secrets that are made here."""

    name: str
    namespace: str
    workers: int
    groups: frozenset[str] = frozenset(GROUPS)

    def secret(self, group: str) -> str:
        """The name of a Secret."""
        return f"{self.name}-{group}"

    @property
    def worker_ids(self) -> list[str]:
        """All workers that there may be: the names of their pods."""
        return [f"{self.name}-worker-{place}" for place in range(self.workers)]

    @property
    def has_bus(self) -> bool:
        """Whether an authority of this release says who may use the bus."""
        return bool(self.groups & {BUS, BUS_WORKERS})


def release_from(environ: Mapping[str, str]) -> Release:
    """The release of MEWS_RELEASE, MEWS_NAMESPACE, MEWS_WORKERS and MEWS_SECRETS. Raises DevstackError."""
    name, namespace = environ.get("MEWS_RELEASE"), environ.get("MEWS_NAMESPACE")
    if not name or not namespace:
        raise DevstackError("set MEWS_RELEASE and MEWS_NAMESPACE: which release is it about, and where is it?")
    groups = groups_of(environ["MEWS_SECRETS"]) if "MEWS_SECRETS" in environ else frozenset(GROUPS)
    return Release(name, namespace, workers_of(environ.get("MEWS_WORKERS", "10")), groups)


def groups_of(text: str) -> frozenset[str]:
    """Groups, separated by commas. Raises DevstackError for an unknown one."""
    groups = frozenset(part.strip() for part in text.split(",") if part.strip())
    if unknown := groups - set(GROUPS):
        raise DevstackError(f"MEWS_SECRETS: {', '.join(sorted(unknown))} is unknown; there are {', '.join(GROUPS)}")
    return groups


def workers_of(text: str) -> int:
    """A number of workers. Raises DevstackError for what is none."""
    if not text.isdecimal() or int(text) > MOST_WORKERS:
        raise DevstackError(f"MEWS_WORKERS is {text!r}; it is a number from 0 to {MOST_WORKERS}")
    return int(text)

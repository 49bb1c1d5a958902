"""How Prometheus finds the services and workers of this machine's system."""

from collections.abc import Sequence
from typing import Any

from devstack.services import SERVICES, worker_name
from devstack.state import State

PREFIX = "mews-"
SCHEME = "http://"


def scrape_config(state: State, rules: Sequence[str], every_s: int) -> dict[str, Any]:
    """Prometheus' configuration; the jobs are called as on a cluster. JSON is YAML too."""
    addresses = {member.name: member.address.removeprefix(SCHEME) for member in state.members if member.address}
    jobs = {service.name: [addresses[service.name]] for service in SERVICES if service.name in addresses}
    workers = [worker_name(number) for number in range(1, state.workers + 1)]
    jobs["worker"] = [addresses[name] for name in workers if name in addresses]
    return {
        "global": {
            "scrape_interval": f"{every_s}s",
            "scrape_timeout": f"{every_s}s",
            "evaluation_interval": f"{every_s}s",
        },
        "rule_files": list(rules),
        "scrape_configs": [
            {"job_name": f"{PREFIX}{name}", "static_configs": [{"targets": targets}]} for name, targets in jobs.items()
        ],
    }

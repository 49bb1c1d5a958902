"""All metrics of all services, as they are declared, and the page that lists them."""

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

HEAD = Path(__file__).with_name("metrics.head.md")
SHARED = "all services"
SERVICES = {
    "orchestrator": "orchestrator",
    "telemetry-ingest": "telemetry_ingest",
    "analytics-query": "analytics_query",
    "question-broker": "question_broker",
    "mcp-gateway": "mcp_gateway",
    "worker-agent": "worker_agent",
}
"""Service and module. The sandbox has no metrics: its worker-agent tells of it."""
# In a process of its own: a test may have loaded some of them already, and then they would not be told apart.
PROGRAM = """
import importlib, json, pkgutil, sys
import servicekit
from servicekit.metrics import REGISTRY
modules = [module.name for module in pkgutil.walk_packages(servicekit.__path__, "servicekit.")]
known, told = set(), []
for service, modules in ({sys.argv[1]: modules} | {name: [f"{name}.app"] for name in sys.argv[2:]}).items():
    for module in modules:
        importlib.import_module(module)
    new = [one for one in REGISTRY._collector_to_names if one not in known and hasattr(one, "_labelnames")]
    known.update(new)
    told += [[service, one._name, one._type, list(one._labelnames), one._documentation] for one in new]
print(json.dumps(told))
"""


class Metric(NamedTuple):
    """A metric as it is declared; `service`: whose it is. Counters without their ending."""

    service: str
    name: str
    type: str
    labels: tuple[str, ...]
    help: str

    @property
    def exposed(self) -> str:
        """Its name as it is queried; a histogram's without `_bucket`, `_sum` and `_count`."""
        return f"{self.name}_total" if self.type == "counter" else self.name


@cache
def known() -> tuple[Metric, ...]:
    """All metrics, in the order of services and names."""
    names = dict(zip(SERVICES.values(), SERVICES, strict=True)) | {SHARED: SHARED}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, SHARED, *SERVICES.values()], stdout=subprocess.PIPE, check=True
    )
    told = [
        Metric(names[module], name, kind, tuple(labels), text)
        for module, name, kind, labels, text in json.loads(done.stdout)
    ]
    places = [SHARED, *SERVICES]
    return tuple(sorted(told, key=lambda one: (places.index(one.service), one.name)))


def page(metrics: Sequence[Metric]) -> str:
    """The page, in Markdown."""
    parts = [HEAD.read_text()]
    for service in (SHARED, *SERVICES):
        own = [metric for metric in metrics if metric.service == service]
        rows = [f"| `{one.exposed}` | {one.type} | {_labels(one)} | {one.help} |" for one in own]
        table = ["| metric | type | labels | what it says |", "|---|---|---|---|", *rows]
        parts.append(f"\n## {service[0].upper()}{service[1:]}\n\n" + "\n".join(table) + "\n")
    return "".join(parts)


def read(text: str) -> dict[str, Metric]:
    """The metrics that a page lists, by the name under which they are queried; without what they say."""
    found: dict[str, Metric] = {}
    service = ""
    for line in text.splitlines():
        if line.startswith("## "):
            service = line[3:]
        elif line.startswith("| `mews_"):
            exposed, kind, labels = (cell.strip() for cell in line.split("|")[1:4])
            name = exposed.strip("`").removesuffix("_total")
            of_it = Metric(service, name, kind, tuple(label.strip(" `") for label in labels.split(",") if label), "")
            found[of_it.exposed] = of_it
    return found


def _labels(metric: Metric) -> str:
    return ", ".join(f"`{label}`" for label in metric.labels)

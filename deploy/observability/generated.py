"""The files that are made from code, each with what must be in it."""

import json
from functools import cache
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.observability import catalogue, slos
from deploy.observability.dashboards import DASHBOARDS
from deploy.observability.dashboards.building import built

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "deploy" / "observability"
CHART = ROOT / "deploy" / "helm" / "mews" / "files"
METRICS = ROOT / "docs" / "metrics.md"
ALERTS = HERE / "rules" / "alerts.yaml"


@cache
def generated() -> dict[Path, str]:
    """Text by path."""
    return {METRICS: catalogue.page(catalogue.known()), **rules(), **dashboards()}


def rules() -> dict[Path, str]:
    """The rule files that the chart ships: `groups:` alone."""
    folder = CHART / "rules"
    return {folder / "slo.yaml": slos.rules(), folder / "alerts.yaml": ALERTS.read_text()}


def dashboards() -> dict[Path, str]:
    """The dashboards as Grafana reads them."""
    folder = CHART / "dashboards"
    made = {one.uid: json.dumps(built(one), cls=JSONEncoder, indent=1, sort_keys=True) for one in DASHBOARDS}
    return {folder / f"{uid}.json": text + "\n" for uid, text in made.items()}

"""The chart, rendered by Helm's own library: no cluster and no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import helm_python
import yaml

from tests.support.manifests.objects import Manifest, read

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy" / "helm" / "mews"
RECORDS = ROOT / "tests" / "deploy" / "previous"
"""What earlier versions of the chart had, a file for each version."""
RELEASE = "mews"
NAMESPACE = "mews"

VALUE_SETS: dict[str, tuple[Path, ...]] = {
    "default": (),
    "quickstart": (CHART / "values-quickstart.yaml",),
    "production": (CHART / "values-production.yaml",),
    "full": (ROOT / "tests" / "deploy" / "values" / "full.yaml",),
}
"""Files of values that the chart is tried with; `full` switches on all that can be."""

Values = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """What one set of values gives."""

    name: str
    values: Values
    texts: Mapping[str, str]

    @cached_property
    def manifests(self) -> list[Manifest]:
        """All manifests, hooks and tests too."""
        return read(self.texts)


def render(chart: Path, name: str, values: Values, *, release: str = RELEASE, revision: int = 1) -> Rendered:
    """Render a chart with some values over its own."""
    with helm_python.Chart.load(chart) as loaded:
        texts = loaded.render(
            values,
            name=release,
            namespace=NAMESPACE,
            revision=revision,
            is_install=revision == 1,
            is_upgrade=revision > 1,
        )
        return Rendered(name, loaded.merge_values(values), texts)


def values_of(*files: Path) -> Values:
    """Files of values, each over the one before, as `helm --values` does."""
    merged: Values = {}
    for file in files:
        merged = over(merged, yaml.safe_load(file.read_text()) or {})
    return merged


def over(below: Values, above: Values) -> Values:
    """Values over others: maps are merged, all else is replaced."""
    return below | {
        key: over(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }

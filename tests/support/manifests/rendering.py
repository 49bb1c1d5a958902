"""The chart, rendered by Helm's own library: no cluster and no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import helm_python

from deploy.k8s.manifests import CHART, Values, values_of
from tests.support.manifests.objects import Manifest, read

__all__ = ["CHART", "Rendered", "Values", "render", "values_of"]

ROOT = Path(__file__).parents[3]
RECORDS = ROOT / "tests" / "deploy" / "previous"
"""What earlier versions of the chart had, a file for each version."""
RELEASE = "mews"
NAMESPACE = "mews"

VALUE_SETS: dict[str, tuple[Path, ...]] = {
    "default": (),
    "quickstart": (CHART / "values-quickstart.yaml",),
    "production": (CHART / "values-production.yaml",),
    "dev": (CHART / "values-quickstart.yaml", CHART / "values-dev.yaml"),
    "full": (ROOT / "tests" / "deploy" / "values" / "full.yaml",),
}
"""Files of values that the chart is tried with; `full` switches on all that can be."""


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

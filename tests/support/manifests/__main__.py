"""Write down what later versions of the chart must keep: `python -m tests.support.manifests`."""

import json

import yaml

from tests.support.manifests.identity import Facts, facts
from tests.support.manifests.rendering import CHART, RECORDS, VALUE_SETS, render, values_of

SETS = ("default", "quickstart", "production")
"""The sets of values that people install."""


def current() -> Facts:
    """The identity of a release of today's chart, by set of values."""
    return {name: facts(render(CHART, name, values_of(*VALUE_SETS[name])).manifests) for name in SETS}


if __name__ == "__main__":
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    RECORDS.mkdir(exist_ok=True)
    (RECORDS / f"{version}.json").write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n")

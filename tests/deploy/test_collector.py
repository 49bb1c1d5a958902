"""The collector's configuration holds together, and keeps what the span model has."""

import re
from pathlib import Path
from typing import Any

import yaml

from contracts.spans import ATTRIBUTES

FILE = Path(__file__).resolve().parents[2] / "deploy" / "observability" / "otel-collector.yaml"
CONFIGURATION: dict[str, Any] = yaml.safe_load(FILE.read_text())


def test_each_pipeline_is_made_of_what_is_configured_and_nothing_is_left_over() -> None:
    connectors = set(CONFIGURATION["connectors"])
    used: dict[str, set[str]] = {"receivers": set(), "processors": set(), "exporters": set()}
    for pipeline in CONFIGURATION["service"]["pipelines"].values():
        for part, names in used.items():
            names.update(pipeline.get(part, []))
    assert used["receivers"] - connectors == set(CONFIGURATION["receivers"])
    assert used["exporters"] - connectors == set(CONFIGURATION["exporters"])
    assert used["processors"] == set(CONFIGURATION["processors"])
    assert connectors == used["receivers"] & used["exporters"]
    assert CONFIGURATION["service"]["extensions"] == list(CONFIGURATION["extensions"])


def test_it_asks_for_attributes_that_there_are() -> None:
    asked = set(re.findall(r'attributes\["([^"]+)"\]', FILE.read_text()))
    asked |= {one["name"] for one in CONFIGURATION["connectors"]["spanmetrics"]["dimensions"]}
    assert asked
    assert asked <= ATTRIBUTES

"""The chart, rendered once a run for each set of values."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import helm_python
import pytest

from devstack.cluster.contents import Data
from tests.support.manifests.objects import Manifest, read
from tests.support.manifests.rendering import CHART, NAMESPACE, RELEASE, VALUE_SETS, Rendered, render, values_of
from tests.support.manifests.secrets import made_for

Render = Callable[..., list[Manifest]]


@pytest.fixture(scope="session")
def renders() -> Callable[[str], Rendered]:
    """`renders(name)`: the chart with a set of values, rendered when it is first asked for."""
    known: dict[str, Rendered] = {}

    def rendered(name: str) -> Rendered:
        if name not in known:
            known[name] = render(CHART, name, values_of(*VALUE_SETS[name]))
        return known[name]

    return rendered


@pytest.fixture(params=VALUE_SETS)
def rendered(request: pytest.FixtureRequest, renders: Callable[[str], Rendered]) -> Rendered:
    """The chart with each set of values."""
    return renders(request.param)


@pytest.fixture(scope="session")
def made() -> Callable[[Rendered], dict[str, Data]]:
    """`made(rendered)`: the Secrets that are made for a release, with real values."""
    known: dict[str, dict[str, Data]] = {}

    def secrets(rendered: Rendered) -> dict[str, Data]:
        if rendered.name not in known:
            known[rendered.name] = made_for(rendered)
        return known[rendered.name]

    return secrets


@pytest.fixture
def secrets(rendered: Rendered, made: Callable[[Rendered], dict[str, Data]]) -> dict[str, Data]:
    """The Secrets that are made for the release with each set of values."""
    return made(rendered)


@pytest.fixture
def manifests(rendered: Rendered) -> Sequence[Manifest]:
    """The manifests of each set of values."""
    return rendered.manifests


@pytest.fixture(scope="session")
def chart() -> helm_python.Chart:
    """The chart itself, loaded once."""
    return helm_python.Chart.load(CHART)


@pytest.fixture(scope="session")
def render_with(chart: helm_python.Chart) -> Render:
    """`render_with(worker={"replicas": 3})`: the manifests with some values over the defaults."""

    known: dict[str, list[Manifest]] = {}

    def rendered(**values: Any) -> list[Manifest]:
        key = json.dumps(values, sort_keys=True)
        if key not in known:
            known[key] = read(chart.render(values, name=RELEASE, namespace=NAMESPACE))
        return known[key]

    return rendered

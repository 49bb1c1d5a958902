"""What is said of the chart's values, and what the chart says of the services."""

import yaml

from devstack.services import SERVICES
from tests.support.chart_readme import CHART, README, fresh, undocumented

VALUES = (CHART / "values.yaml").read_text()


def test_the_readme_has_the_values_of_today() -> None:
    written = README.read_text()
    assert written == fresh(written, VALUES), "write it anew: python -m tests.support.chart_readme"


def test_every_value_is_told_of() -> None:
    assert undocumented(VALUES) == []


def test_the_chart_knows_the_services_as_they_are() -> None:
    catalogue = yaml.safe_load((CHART / "files" / "services.yaml").read_text())
    calls = {(name, callee) for name, facts in catalogue.items() for callee in facts["calls"]}
    assert calls == {(caller, one.name) for one in SERVICES for caller in one.callers}
    known = {name: (facts["schema"], facts["url"]) for name, facts in catalogue.items()}
    assert known == {one.name: (one.schema, one.url_variable) for one in SERVICES}

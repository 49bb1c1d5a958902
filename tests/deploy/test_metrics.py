"""Every metric keeps to the conventions of docs/metrics.md, and is on that page."""

import re
from collections.abc import Sequence

import pytest

from deploy.observability.catalogue import Metric, known, page, read
from deploy.observability.generated import METRICS
from servicekit.metrics import OTHER, Bounded

NAME = re.compile(r"mews(_[a-z0-9]+)+")
OTHER_UNITS = re.compile(r"_(ms|milliseconds|minutes|hours|mb|kb|megabytes|kilobytes|percent)(_|$)")
RESERVED = ("_total", "_count", "_sum", "_bucket")
BOUNDED = frozenset(
    {
        *(
            "agent",
            "caller",
            "check",
            "code",
            "durable",
            "effect",
            "evidence",
            "kind",
            "claimed",
            "loop",
            "method",
            "model",
        ),
        *(
            "outcome",
            "ready",
            "reason",
            "route",
            "schema",
            "mews_service",
            "peer",
            "source",
            "standing",
            "state",
            "status",
            "step",
            "stream",
            "tool",
        ),
        *("verb", "verified", "version", "what", "why", "window"),
    }
)
"""Labels that have few values: whoever adds one has thought of how many it may come to have.

None of them is one that Prometheus on Kubernetes adds, such as `service` or `pod`: it would rename ours.
"""


@pytest.fixture(scope="module")
def metrics() -> Sequence[Metric]:
    """All metrics of all services, as they are declared."""
    return known()


def objections(metric: Metric) -> list[str]:
    """What a metric does that it should not."""
    said = {
        "a name is mews_ and words in small letters": not NAME.fullmatch(metric.name),
        "units are seconds, bytes, and ratios from 0 to 1": bool(OTHER_UNITS.search(metric.name)),
        "the ending is one that the type adds": metric.name.endswith(RESERVED),
        "a histogram says its unit": metric.type == "histogram" and not metric.name.endswith(("_seconds", "_bytes")),
        "a label may have many values": not set(metric.labels) <= BOUNDED,
        "the help is a sentence": not re.fullmatch(r"[A-Z0-9].*[^.]\.", metric.help),
    }
    return [f"{metric.name}: {what}" for what, holds in said.items() if holds]


def test_each_metric_keeps_to_the_conventions(metrics: Sequence[Metric]) -> None:
    assert [what for metric in metrics for what in objections(metric)] == []
    bad = Metric("any", "mews_task_ms_total", "counter", ("task_id",), "no sentence")
    assert len(objections(bad)) == 4


def test_a_name_belongs_to_one_service(metrics: Sequence[Metric]) -> None:
    names = [metric.name for metric in metrics]
    assert len(names) == len(set(names)) > 80


def test_the_page_of_the_metrics_is_up_to_date(metrics: Sequence[Metric]) -> None:
    assert METRICS.read_text() == page(metrics), "run `make observability`"
    assert {name: one.labels for name, one in read(page(metrics)).items()} == {m.exposed: m.labels for m in metrics}


def test_a_label_from_outside_has_no_more_values_than_it_may() -> None:
    names = Bounded(most=2, longest=3)
    assert [names.of(value) for value in ("a", None, "long", "a", "", "b")] == ["a", "", OTHER, "a", "", OTHER]
    assert Bounded(longest=3).of("long") == "lon"

"""The metrics of this service."""

from collections.abc import Iterable

from prometheus_client import Gauge

from analytics_query.decisions.folding import FOLD_VERSION
from analytics_query.decisions.reports.exposed import Exposed
from analytics_query.ports import Position
from servicekit.metrics import REGISTRY

POSITION = Gauge("mews_projection_position", "Number of the last change of the projections.", registry=REGISTRY)
NEWEST = Gauge(
    "mews_projection_newest_event_timestamp_seconds",
    "When the newest projected event occurred (Unix time).",
    registry=REGISTRY,
)
LEADS = Gauge("mews_projection_leads", "1 while this process projects; the others stand by.", registry=REGISTRY)
REBUILD_NEEDED = Gauge(
    "mews_projection_rebuild_needed", "1: the projections were made by another version.", registry=REGISTRY
)

QUALITY = {
    "line_coverage_ratio": Gauge(
        "mews_quality_line_coverage_ratio",
        "Mean line coverage that attempts of the window came to, by how it is known.",
        ["window", "evidence"],
        registry=REGISTRY,
    ),
    "test_pass_ratio": Gauge(
        "mews_quality_test_pass_ratio",
        "Share of the tests run in the window that passed, by how it is known.",
        ["window", "evidence"],
        registry=REGISTRY,
    ),
    "tests_run": Gauge(
        "mews_quality_tests_run",
        "Tests run in the window, by how it is known.",
        ["window", "evidence"],
        registry=REGISTRY,
    ),
    "maintainability_index": Gauge(
        "mews_quality_maintainability_index",
        "Mean maintainability index (0 to 100) reported in the window, by how it is known.",
        ["window", "evidence"],
        registry=REGISTRY,
    ),
    "claims_agreed_ratio": Gauge(
        "mews_quality_claims_agreed_ratio",
        "Share of the claims checked in the window that held, by agent (its ten busiest).",
        ["window", "agent"],
        registry=REGISTRY,
    ),
    "verification_pass_ratio": Gauge(
        "mews_quality_verification_pass_ratio",
        "Share of the verifications of the window that passed, by agent (its ten busiest).",
        ["window", "agent"],
        registry=REGISTRY,
    ),
    "task_success_ratio": Gauge(
        "mews_quality_task_success_ratio",
        "Share of the tasks that ended in the window and were completed.",
        ["window"],
        registry=REGISTRY,
    ),
}
"""By the name of the figure."""


def show_quality(exposed: Iterable[Exposed]) -> None:
    """Show these figures, and no older ones."""
    for gauge in QUALITY.values():
        gauge.clear()
    for one in exposed:
        QUALITY[one.figure].labels(**one.labels).set(one.value)


def note_position(position: Position) -> None:
    """Show how far the projections are."""
    POSITION.set(position.number)
    REBUILD_NEEDED.set(0 <= position.fold_version != FOLD_VERSION)
    if position.newest_event_at is not None:
        NEWEST.set(position.newest_event_at.timestamp())

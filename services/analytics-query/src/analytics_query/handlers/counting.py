"""The metrics of this service."""

from prometheus_client import Gauge

from analytics_query.decisions.folding import FOLD_VERSION
from analytics_query.ports import Position
from servicekit.metrics import REGISTRY

POSITION = Gauge("mews_projection_position", "Number of the last change of the projections.", registry=REGISTRY)
NEWEST = Gauge(
    "mews_projection_newest_event_seconds", "When the newest projected event occurred (Unix time).", registry=REGISTRY
)
REBUILD_NEEDED = Gauge(
    "mews_projection_rebuild_needed", "1: the projections were made by an older version.", registry=REGISTRY
)


def note_position(position: Position) -> None:
    """Show how far the projections are."""
    POSITION.set(position.number)
    REBUILD_NEEDED.set(0 <= position.fold_version < FOLD_VERSION)
    if position.newest_event_at is not None:
        NEWEST.set(position.newest_event_at.timestamp())

"""Whether progress may be what it says it is."""

from contracts.events.reporting import Progress
from worker_agent.errors import ProgressBackwards


def check_progress(body: Progress, before: float) -> None:
    """Raises ProgressBackwards when less is done than before, and no reason is given."""
    percent = body.metrics.percent_complete
    if percent is not None and percent < before and not body.reason:
        raise ProgressBackwards(
            f"metrics.percent_complete: given {percent:g}, but {before:g} was reported before; give `reason` to say "
            "why there is less done now, or report at least as much"
        )

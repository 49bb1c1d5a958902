"""What workers ask for over `manager.rpc.orchestrator.<verb>.<worker>`."""

from collections.abc import Mapping

from contracts.rpc import GetTask, ListWorkers
from orchestrator.handlers.briefing import Briefings
from servicekit.bus.rpc import Handler, typed


def verbs(briefings: Briefings) -> Mapping[str, Handler]:
    """The verbs that this service answers."""
    return {
        "get_task": typed(GetTask, briefings.task),
        "list_workers": typed(ListWorkers, briefings.workers),
    }

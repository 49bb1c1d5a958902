"""Showing quality of the last hour and day as metrics."""

from datetime import datetime, timedelta

from analytics_query.decisions.reports.exposed import Exposed, exposed
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Resolution
from analytics_query.handlers.counting import show_quality
from analytics_query.ports import Busiest, Stretched, Sums

WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(days=1)}
MOST_AGENTS = 10


async def expose(sums: Sums, now: datetime) -> None:
    """Measure once: two statements, however many tasks there were."""
    longest = now - max(WINDOWS.values())
    ranked = Busiest(Dimension.agent, "attempts_ended", longest, now, Resolution.hour, MOST_AGENTS)
    busiest = (await sums.busiest([ranked])).get(Dimension.agent)
    agents = list(busiest.entities) if busiest else []
    totals = await sums.totals([one for name in WINDOWS for one in _asked(name, agents, now)])
    shown: list[Exposed] = []
    for window in WINDOWS:
        found = totals.get(window, {})
        of_agents = {agent: found[Dimension.agent, agent] for agent in agents if (Dimension.agent, agent) in found}
        shown += exposed(window, found.get((Dimension.system, SYSTEM), Figures()), of_agents)
    show_quality(shown)


def _asked(window: str, agents: list[str], now: datetime) -> list[Stretched]:
    since = now - WINDOWS[window]
    whole = Stretched(window, Dimension.system, (SYSTEM,), since, now, Resolution.minute)
    of_agents = Stretched(window, Dimension.agent, tuple(agents), since, now, Resolution.hour)
    return [whole, of_agents] if agents else [whole]

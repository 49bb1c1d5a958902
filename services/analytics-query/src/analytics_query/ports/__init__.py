"""What the handlers need of the outside."""

from analytics_query.ports.answers import AnswerCache
from analytics_query.ports.log import Log
from analytics_query.ports.positions import Position
from analytics_query.ports.reading import Documents, Rollups
from analytics_query.ports.records import DecisionsAsked, Disagreement, GroupsAsked, Records, Reported
from analytics_query.ports.sums import Busiest, Leading, Stretched, Sums
from analytics_query.ports.writing import Projections, Rebuild, Transaction

__all__ = [
    "AnswerCache",
    "Busiest",
    "DecisionsAsked",
    "Disagreement",
    "Documents",
    "GroupsAsked",
    "Leading",
    "Log",
    "Position",
    "Projections",
    "Rebuild",
    "Records",
    "Reported",
    "Rollups",
    "Stretched",
    "Sums",
    "Transaction",
]

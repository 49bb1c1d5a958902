"""The only SQL of analytics-query."""

from analytics_query.store.reading import PostgresDocuments, PostgresRollups
from analytics_query.store.rebuilding import rebuilding
from analytics_query.store.recorded import PostgresRecords
from analytics_query.store.retaining import policies
from analytics_query.store.sums import PostgresSums
from analytics_query.store.writing import PLANNER, PostgresProjections

__all__ = [
    "PLANNER",
    "PostgresDocuments",
    "PostgresProjections",
    "PostgresRecords",
    "PostgresRollups",
    "PostgresSums",
    "policies",
    "rebuilding",
]

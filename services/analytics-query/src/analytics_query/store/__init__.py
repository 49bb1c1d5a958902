"""The only SQL of analytics-query."""

from analytics_query.store.reading import PostgresDocuments, PostgresRollups
from analytics_query.store.recorded import PostgresRecords
from analytics_query.store.sums import PostgresSums
from analytics_query.store.writing import PostgresProjections

__all__ = ["PostgresDocuments", "PostgresProjections", "PostgresRecords", "PostgresRollups", "PostgresSums"]

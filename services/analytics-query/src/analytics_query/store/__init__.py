"""The only SQL of analytics-query."""

from analytics_query.store.reading import PostgresDocuments, PostgresRollups
from analytics_query.store.writing import PostgresProjections

__all__ = ["PostgresDocuments", "PostgresProjections", "PostgresRollups"]

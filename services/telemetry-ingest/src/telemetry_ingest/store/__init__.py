"""The only SQL of telemetry-ingest."""

from servicekit.pg import Database
from telemetry_ingest.store.exporting import Exports
from telemetry_ingest.store.keeping import Keeping
from telemetry_ingest.store.producers import Producers
from telemetry_ingest.store.reading import Reading
from telemetry_ingest.store.recording import Recording
from telemetry_ingest.store.retaining import policies

__all__ = ["PostgresEventLog", "policies"]


class PostgresEventLog(Recording, Reading, Exports, Keeping):
    """The event log in PostgreSQL, partitioned by the UTC day of the event's id."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.producers = Producers()

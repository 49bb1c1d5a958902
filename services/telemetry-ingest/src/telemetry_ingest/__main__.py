"""`python -m telemetry_ingest serve | migrate`."""

from servicekit.serving import main
from telemetry_ingest.app import MIGRATIONS, SCHEMA, SERVICE, create_app
from telemetry_ingest.settings import Settings

if __name__ == "__main__":
    main(SERVICE, Settings, create_app, MIGRATIONS, SCHEMA)

"""`python -m orchestrator serve | migrate`."""

from orchestrator.app import MIGRATIONS, SCHEMA, SERVICE, create_app
from orchestrator.settings import Settings
from servicekit.serving import main

if __name__ == "__main__":
    main(SERVICE, Settings, create_app, MIGRATIONS, SCHEMA)

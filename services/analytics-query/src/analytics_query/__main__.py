"""`python -m analytics_query serve | migrate`."""

from analytics_query.app import MIGRATIONS, SCHEMA, SERVICE, create_app
from analytics_query.settings import Settings
from servicekit.serving import main

if __name__ == "__main__":
    main(SERVICE, Settings, create_app, MIGRATIONS, SCHEMA)

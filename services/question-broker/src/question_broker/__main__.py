"""`python -m question_broker serve | migrate`."""

from question_broker.app import MIGRATIONS, SCHEMA, SERVICE, create_app
from question_broker.settings import Settings
from servicekit.serving import main

if __name__ == "__main__":
    main(SERVICE, Settings, create_app, MIGRATIONS, SCHEMA)

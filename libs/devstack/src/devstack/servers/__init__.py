"""Real PostgreSQL, NATS and Redis servers, run from wheels or from what the machine offers."""

"""Alembic migrations of this schema alone; each is expand, deploy, contract."""

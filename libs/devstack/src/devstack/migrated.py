"""Which services need not run their migrations: those whose schema is where the same files left it.

Running them is always right; leaving it out saves the start of a Python process for each service.
"""

import hashlib
import importlib.util
import json
from pathlib import Path

import asyncpg
from pydantic import TypeAdapter, ValidationError

from devstack.admin import Connection, identifier
from devstack.files import write_atomically

RECORDS = TypeAdapter(dict[str, tuple[str, str]])


class MigrationRecord:
    """By schema, the digest of the migration files and the revision at which they left it; kept in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records = _read(path)

    def is_current(self, schema: str, module: str, revision: str | None) -> bool:
        """Whether a schema at `revision` has been through all of the module's migrations as they are now."""
        return revision is not None and self._records.get(schema) == (migrations_digest(module), revision)

    def record(self, schema: str, module: str, revision: str | None) -> None:
        """Remember that the module's migrations have left the schema at `revision`."""
        if revision is not None:
            self._records[schema] = (migrations_digest(module), revision)
            write_atomically(self._path, json.dumps(self._records, indent=2) + "\n")


async def revision_of(connection: Connection, schema: str) -> str | None:
    """The revision that Alembic has noted in the schema, if it has."""
    try:
        found = await connection.fetchval(f"SELECT version_num FROM {identifier(schema)}.alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    return found if isinstance(found, str) else None


def has_migrations(module: str) -> bool:
    """Whether the service keeps anything in its schema."""
    return importlib.util.find_spec(f"{module}.migrations") is not None


def migrations_digest(module: str) -> str:
    """A digest of the module's migration files."""
    spec = importlib.util.find_spec(f"{module}.migrations")
    if spec is None or spec.origin is None:
        raise LookupError(f"{module} has no migrations")
    digest = hashlib.sha256()
    for path in sorted(Path(spec.origin).parent.rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, tuple[str, str]]:
    try:
        return RECORDS.validate_json(path.read_text())
    except (FileNotFoundError, ValidationError):
        return {}

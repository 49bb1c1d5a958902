import secrets
from pathlib import Path

import pytest

from devstack.migrated import MigrationRecord, has_migrations


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # A name of its own for each test: Python remembers where it found a package.
    package = tmp_path / f"service_{secrets.token_hex(8)}"
    (package / "migrations").mkdir(parents=True)
    for folder in (package, package / "migrations"):
        (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return package


def test_a_schema_is_current_where_the_same_files_left_it(tmp_path: Path, service: Path):
    revision = service / "migrations" / "one.py"
    revision.write_text("revision = 1")
    path = tmp_path / "record.json"
    MigrationRecord(path).record("schema", service.name, "r1")
    record = MigrationRecord(path)
    assert record.is_current("schema", service.name, "r1")
    assert not record.is_current("schema", service.name, None)
    assert not record.is_current("schema", service.name, "r0")
    assert not record.is_current("another", service.name, "r1")
    revision.write_text("revision = 2")
    assert not record.is_current("schema", service.name, "r1")


def test_a_broken_record_means_that_nothing_is_known(tmp_path: Path, service: Path):
    path = tmp_path / "record.json"
    path.write_text('{"schema": 1')
    assert not MigrationRecord(path).is_current("schema", service.name, "r1")


def test_a_service_without_migrations_is_seen(service: Path):
    assert has_migrations(service.name)
    assert not has_migrations("devstack")

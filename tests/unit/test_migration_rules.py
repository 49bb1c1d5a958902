"""The rules themselves: what each forbids, and what it lets pass."""

import pytest

from tests.support.migration_rules import findings

FORBIDDEN = {
    "DROP TABLE IF EXISTS a": "drop of a table",
    "ALTER TABLE a DROP COLUMN b": "drop of a column",
    "ALTER TABLE a DROP b": "drop of a column",
    "ALTER TABLE a RENAME COLUMN b TO c": "new name",
    "ALTER TABLE a RENAME TO c": "new name",
    "ALTER TABLE a ALTER COLUMN b TYPE bigint": "new type",
    "ALTER TABLE a ALTER b SET DATA TYPE bigint": "new type",
    "ALTER TABLE a ALTER COLUMN b SET NOT NULL": "SET NOT NULL",
    "ALTER TABLE a ADD COLUMN b text NOT NULL": "column that the version before does not fill",
    "ALTER TABLE a ADD COLUMN b timestamptz DEFAULT clock_timestamp()": "column whose values are written",
    "ALTER TABLE a ADD COLUMN b text, ADD COLUMN c int GENERATED ALWAYS AS (1) STORED": "column whose values",
    "ALTER TABLE a ADD CONSTRAINT c CHECK (b IN ('x', 'y'))": "constraint that reads all rows",
    "ALTER TABLE a ADD COLUMN b int CHECK (b > 0)": "constraint that reads all rows",
    "ALTER TABLE a ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES d": "constraint that reads all rows",
    "ALTER TABLE a ADD CONSTRAINT c UNIQUE (b)": "index under a lock",
    "CREATE UNIQUE INDEX i ON a (b)": "index without CONCURRENTLY",
    "DROP INDEX i": "drop of an index",
    "UPDATE a SET b = 1": "change of all rows",
    "DELETE FROM a": "removal of rows",
    "TRUNCATE a": "removal of rows",
    "LOCK TABLE a IN SHARE MODE": "lock of a table",
    "CREATE TRIGGER t BEFORE INSERT ON a EXECUTE FUNCTION f()": "trigger",
}
ALLOWED = (
    "ALTER TABLE a ADD COLUMN IF NOT EXISTS b text, ADD COLUMN c integer NOT NULL DEFAULT 0",
    "ALTER TABLE a ADD COLUMN b timestamptz NOT NULL DEFAULT now()",
    "ALTER TABLE a DROP CONSTRAINT IF EXISTS c",
    "ALTER TABLE a ALTER COLUMN b DROP NOT NULL",
    "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NOT VALID",
    "ALTER TABLE a VALIDATE CONSTRAINT c",
    "ALTER TABLE a ADD CONSTRAINT c UNIQUE USING INDEX i",
    "CREATE INDEX CONCURRENTLY i ON a (b)",
    "CREATE INDEX IF NOT EXISTS i ON ONLY a (b)",
    "DROP INDEX CONCURRENTLY IF EXISTS i",
    "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE a; END $$",
    "COMMENT ON TABLE a IS 'drop table a'",
)


@pytest.mark.parametrize(("statement", "rule"), FORBIDDEN.items())
def test_what_the_version_before_may_not_survive_is_found(statement: str, rule: str) -> None:
    assert [one.rule[: len(rule)] for one in findings([statement])] == [rule]


@pytest.mark.parametrize("statement", ALLOWED)
def test_what_it_does_not_notice_passes(statement: str) -> None:
    assert findings([statement]) == []


def test_with_a_table_of_its_own_a_revision_may_do_as_it_likes() -> None:
    assert findings(["CREATE TABLE a (b int)", "CREATE INDEX i ON a (b)", "UPDATE a SET b = 1"]) == []
    assert len(findings(["CREATE INDEX i ON a (b)", "CREATE TABLE a (b int)"])) == 1

"""What a migration may not do while the version before it runs: read from the statements that it really executed."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

BODY = re.compile(r"\$\$.*?\$\$", re.DOTALL)
COMMENT = re.compile(r"--[^\n]*")
LITERAL = re.compile(r"'(?:[^']|'')*'")
NAME = r"(?:if (?:not )?exists )?(?:only )?\"?([a-z_0-9]+)\"?"
MADE = re.compile(rf"^create table {NAME}")
ALTERED = re.compile(rf"^alter table {NAME} (.*)$", re.DOTALL)
INDEXED = re.compile(rf"^create (?:unique )?index (?!concurrently).*? on (only )?{NAME}", re.DOTALL)
VOLATILE = re.compile(r"default .*\b(clock_timestamp|random|gen_random_uuid|nextval|timeofday|uuid_generate)\b")
STORED = re.compile(r"\bgenerated (always|by default) as\b|\bserial\b|\bbigserial\b")


class Finding(NamedTuple):
    """A rule that a statement breaks, and the table that it is about."""

    rule: str
    table: str


def findings(statements: Iterable[str]) -> list[Finding]:
    """What one revision does that the version before it may not survive.

    Tables that the revision makes itself are nobody's yet: with them it may do as it likes.
    """
    new: set[str] = set()
    found: list[Finding] = []
    for statement in map(plain, statements):
        made = MADE.match(statement)
        if made:
            new.add(made[1])
        found += [one for one in _broken(statement) if one.table not in new]
    return found


def plain(statement: str) -> str:
    """One line, in small letters, without comments, and without what stands inside functions and texts."""
    stripped = LITERAL.sub("''", COMMENT.sub("", BODY.sub("", statement)))
    return " ".join(stripped.lower().split()).rstrip(";")


def _broken(statement: str) -> Sequence[Finding]:
    altered = ALTERED.match(statement)
    if altered:
        return [Finding(rule, altered[1]) for part in _parts(altered[2]) for rule in _of_part(part)]
    indexed = INDEXED.match(statement)
    if indexed:
        # On the parent of partitions alone it is a matter of the catalogue.
        return [] if indexed[1] else [Finding("index without CONCURRENTLY", indexed[2])]
    return [
        Finding(rule, found[1])
        for pattern, rule in STATEMENTS
        if (found := re.match(pattern.format(NAME=NAME), statement))
    ]


STATEMENTS = (
    (r"drop table {NAME}", "drop of a table"),
    (r"drop index (?!concurrently){NAME}", "drop of an index without CONCURRENTLY"),
    (r"drop (?:view|function|type|sequence|schema|materialized view) {NAME}", "drop of something in use"),
    (r"truncate (?:table )?{NAME}", "removal of rows"),
    (r"delete from {NAME}", "removal of rows"),
    (r"update {NAME}", "change of all rows in one transaction"),
    (r"lock (?:table )?{NAME}", "lock of a table"),
    (r"(?:vacuum full|cluster|reindex (?!.*concurrently)).*?{NAME}", "rewrite of a table"),
    (r"create (?:constraint )?trigger .*? on {NAME}", "trigger on a table in use"),
)


def _parts(actions: str) -> list[str]:
    """The actions of an ALTER TABLE: divided at commas that stand in no parentheses."""
    parts, depth, start = list[str](), 0, 0
    for place, letter in enumerate(actions):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(actions[start:place].strip())
            start = place + 1
    return [*parts, actions[start:].strip()]


def _of_part(part: str) -> list[str]:
    return [rule for rule, breaks in ACTIONS if breaks(part)]


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda part: compiled.match(part) is not None


def _needs_value(part: str) -> bool:
    return part.startswith("add column") and "not null" in part and "default" not in part and not STORED.search(part)


def _rewrites(part: str) -> bool:
    return part.startswith("add column") and bool(VOLATILE.search(part) or STORED.search(part))


def _validates(part: str) -> bool:
    checks = re.match(r"add (constraint \S+ )?(check|foreign key)", part) is not None
    return (checks and not part.endswith("not valid")) or (
        part.startswith("add column") and re.search(r"\b(check|references)\b", part) is not None
    )


def _builds_index(part: str) -> bool:
    makes = re.match(r"add (constraint \S+ )?(unique|primary key|exclude)", part) is not None
    in_column = part.startswith("add column") and re.search(r"\b(unique|primary key)\b", part) is not None
    return (makes and "using index" not in part) or in_column


ACTIONS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("drop of a column", _matches(r"drop (column )?(?!constraint|default|not null|expression|identity)")),
    ("new name", _matches(r"rename ")),
    ("new type", _matches(r"alter (column )?\S+ (set data )?type ")),
    ("SET NOT NULL", _matches(r"alter (column )?\S+ set not null")),
    ("column that the version before does not fill", _needs_value),
    ("column whose values are written into every row", _rewrites),
    ("constraint that reads all rows under a lock", _validates),
    ("index under a lock", _builds_index),
)

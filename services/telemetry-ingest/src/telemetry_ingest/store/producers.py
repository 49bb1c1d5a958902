"""The numbers by which rows of the log name their producers."""

from collections.abc import Iterable, Sequence
from typing import Any

from contracts.batches import Batch
from servicekit.bus import Received
from servicekit.inbox import producer_name
from servicekit.pg import Connection

KNOWN = "SELECT name, producer_id FROM producers WHERE name = ANY($1)"
NEW = """
    INSERT INTO producers (name) SELECT name FROM unnest($1::text[]) AS new (name) ORDER BY name
    ON CONFLICT (name) DO NOTHING RETURNING name, producer_id
"""
NAMED = "SELECT producer_id, name FROM producers WHERE producer_id = ANY($1)"
MOST_REMEMBERED = 50_000

Origin = tuple[int, int]
"""The number of a producer, and that of its batch."""


class Producers:
    """Remembers numbers and names once they are committed, so that most transactions need not ask."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}

    async def numbers_of(self, connection: Connection, received: Iterable[Received[Batch[Any]]]) -> dict[str, int]:
        """The number of each batch's producer, by name; who is new gets one in this transaction."""
        names = {producer_name(one.message.subject, one.batch.producer) for one in received}
        numbers = {name: self._numbers[name] for name in names if name in self._numbers}
        if len(numbers) == len(names):
            return numbers
        # Another transaction may add the same: then the INSERT waits for its end, and the last look sees what it did.
        for sql in (KNOWN, NEW, KNOWN):
            missing = sorted(names - numbers.keys())
            if missing:
                numbers |= dict(await connection.fetch(sql, missing))
        return numbers

    def remember(self, numbers: dict[str, int]) -> None:
        """These numbers are committed."""
        if len(self._numbers) > MOST_REMEMBERED:
            self._numbers.clear()
        self._numbers |= numbers

    async def names_of(self, connection: Connection, numbers: set[int]) -> dict[int, str]:
        """The names behind numbers that stand in rows."""
        missing = numbers - self._names.keys()
        if missing:
            if len(self._names) > MOST_REMEMBERED:
                self._names.clear()
                missing = numbers
            self._names |= dict(await connection.fetch(NAMED, list(missing)))
        return self._names


def origins(received: Sequence[Received[Batch[Any]]], numbers: dict[str, int]) -> list[Origin]:
    """Where each event of these batches comes from, in their order."""
    found: list[Origin] = []
    for one in received:
        origin = (numbers[producer_name(one.message.subject, one.batch.producer)], one.batch.batch)
        found += [origin] * len(one.batch.events)
    return found

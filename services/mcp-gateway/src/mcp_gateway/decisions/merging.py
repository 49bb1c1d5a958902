"""One list out of several services' lists."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

from contracts.base import Page
from contracts.deadletters import DeadLetter

END = ""
"""Stands for the cursor of a service that has shown all it has."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The newest letters of all services, and where to go on with each; None: there are no more."""

    items: list[DeadLetter]
    cursors: dict[str, str | None] | None


def merge(
    pages: Mapping[str, Page[DeadLetter]],
    before: Mapping[str, str | None],
    limit: int,
    cursor_of: Callable[[DeadLetter], str],
) -> Merged:
    """At most `limit` letters, newest first.

    `before`: where each service was to begin, which stands where none of its letters is shown, as for one that did not
    answer. `cursor_of(letter)` says where a service goes on behind one of its letters.
    """
    newest = list(islice(heapq.merge(*(page.items for page in pages.values()), key=_age), limit))
    cursors = dict(before)
    for service, page in pages.items():
        shown = [item for item in newest if item.service == service]
        if len(shown) == len(page.items):
            cursors[service] = page.next_cursor or END
        elif shown:
            cursors[service] = cursor_of(shown[-1])
    return Merged(newest, cursors if any(cursor != END for cursor in cursors.values()) else None)


def _age(letter: DeadLetter) -> float:
    """Between services; those of one stay in their order, whatever its clock said."""
    return -letter.recorded_at.timestamp()

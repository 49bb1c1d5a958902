"""Dead letters of all services: a service that is away is named, and the rest is shown."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from contracts.deadletters import (
    DeadLetter,
    DeadLetterContent,
    DeadLetterList,
    DeadLetterOutcome,
    DropDeadLetters,
    RetryDeadLetters,
    SettledDeadLetter,
    SettledDeadLetters,
    UnavailableService,
)
from mcp_gateway.decisions.merging import END, merge
from mcp_gateway.errors import NotFound, Unavailable
from mcp_gateway.ports import DeadLetterQuery, DeadLetters
from servicekit.paging import decode_cursor, encode_cursor, invalid_cursor

Desks = Mapping[str, DeadLetters]
"""By the name of the service."""
Result = TypeVar("Result")
Request = TypeVar("Request", RetryDeadLetters, DropDeadLetters)


async def show_all(desks: Desks, query: DeadLetterQuery, services: Sequence[str], cursor: str | None) -> DeadLetterList:
    """The newest letters of the services named, of all if none is. Raises NotFound, ServiceError `invalid_cursor`."""
    before = _places(cursor) if cursor else dict.fromkeys(_known(desks, services))
    wanted = {name: place for name, place in before.items() if place != END and name in desks}
    found = await _ask(desks, wanted, lambda name: desks[name].page(query, wanted[name]))
    pages = {name: page for name, page in found.items() if not isinstance(page, Unavailable)}
    merged = merge(pages, before, query.limit, lambda letter: encode_cursor((_number(letter),)))
    return DeadLetterList(
        items=merged.items,
        next_cursor=encode_cursor((merged.cursors,)) if merged.cursors else None,
        unavailable=[
            UnavailableService(service=name, detail=error.detail)
            for name, error in found.items()
            if isinstance(error, Unavailable)
        ],
    )


async def show(desks: Desks, letter_id: str) -> DeadLetterContent:
    """One letter. Raises NotFound, Unavailable."""
    service = _service(letter_id)
    if service not in desks:
        raise NotFound(f"there is no dead letter {letter_id}: {service} is no service that has any")
    return await desks[service].content(letter_id)


async def retry(desks: Desks, wanted: RetryDeadLetters) -> SettledDeadLetters:
    """Have letters processed again, by their services at once."""
    return await _settle(desks, wanted, lambda name, part: desks[name].retry(part))


async def drop(desks: Desks, wanted: DropDeadLetters) -> SettledDeadLetters:
    """Give letters up."""
    return await _settle(desks, wanted, lambda name, part: desks[name].drop(part))


async def _settle(
    desks: Desks, wanted: Request, ask: Callable[[str, Request], Awaitable[SettledDeadLetters]]
) -> SettledDeadLetters:
    parts: dict[str, list[str]] = {}
    for letter_id in wanted.ids:
        parts.setdefault(_service(letter_id), []).append(letter_id)
    known = [name for name in parts if name in desks]
    found = await _ask(desks, known, lambda name: ask(name, wanted.model_copy(update={"ids": parts[name]})))
    settled = {item.id: item for name in known for item in _items(found[name], parts[name])}
    missing = DeadLetterOutcome.not_found
    return SettledDeadLetters(
        items=[settled.get(one) or SettledDeadLetter(id=one, outcome=missing) for one in wanted.ids]
    )


def _items(answer: SettledDeadLetters | Unavailable, ids: Sequence[str]) -> Sequence[SettledDeadLetter]:
    if isinstance(answer, Unavailable):
        return [SettledDeadLetter(id=one, outcome=DeadLetterOutcome.unavailable, detail=answer.detail) for one in ids]
    return answer.items


async def _ask(
    desks: Desks, names: Sequence[str] | Mapping[str, Any], call: Callable[[str], Awaitable[Result]]
) -> dict[str, Result | Unavailable]:
    """Ask several services at once; one that is away keeps nobody from hearing the others."""

    async def ask(name: str) -> Result | Unavailable:
        try:
            return await call(name)
        except Unavailable as error:
            return error

    return dict(zip(names, await asyncio.gather(*map(ask, names)), strict=True))


def _known(desks: Desks, services: Sequence[str]) -> Sequence[str]:
    for name in services:
        if name not in desks:
            raise NotFound(f"service: {name!r} has no dead letters; allowed: {', '.join(desks)}")
    return services or list(desks)


def _places(cursor: str) -> dict[str, str | None]:
    places: Any = decode_cursor(cursor, 1)[0]
    if not isinstance(places, dict) or not all(place is None or isinstance(place, str) for place in places.values()):  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        raise invalid_cursor()
    return places  # pyright: ignore[reportUnknownVariableType]


def _service(letter_id: str) -> str:
    return letter_id.rpartition(":")[0]


def _number(letter: DeadLetter) -> int:
    return int(letter.id.rpartition(":")[2])

"""Which values fit what a person has typed so far."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST = 100
"""Most values of one answer, by the protocol."""


@dataclass(frozen=True, slots=True)
class Known:
    """Values there are, best first; `whole` is false when there are more than were looked at."""

    values: Sequence[str]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Fitting:
    """Values that fit. `total` is None where nobody knows."""

    values: list[str]
    total: int | None
    has_more: bool


NOTHING = Known(())


def fitting(typed: str, known: Known) -> Fitting:
    """Values that begin with what was typed, then those that hold it; in the order in which they came."""
    wanted = typed.strip().lower()
    values = list(dict.fromkeys(known.values))
    begin = [value for value in values if value.lower().startswith(wanted)]
    hold = [value for value in values if wanted in value.lower() and not value.lower().startswith(wanted)]
    found = [*begin, *hold]
    return Fitting(found[:MOST], len(found) if known.whole else None, not known.whole or len(found) > MOST)


def fitting_last(typed: str, known: Known) -> Fitting:
    """The same for the last of several values that are separated by commas; none is offered twice."""
    before, comma, last = typed.rpartition(",")
    taken = _parts(before)
    rest = Known([value for value in known.values if value not in taken], known.whole)
    found = fitting(last, rest)
    start = f"{', '.join(taken)}, " if comma and taken else ""
    return Fitting([f"{start}{value}" for value in found.values], found.total, found.has_more)


def holds_password(repository: str) -> bool:
    """Whether the address of a repository has a user's name or password in it."""
    _, scheme, rest = repository.partition("://")
    return bool(scheme) and "@" in rest


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def capabilities_of_agents(capabilities: Iterable[str]) -> list[str]:
    """Names of the agents among the capabilities of workers, each once."""
    return list(dict.fromkeys(one.removeprefix("agent:") for one in capabilities if one.startswith("agent:")))

"""What a handler asks the person at the client, and what that person says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Form:
    """One question to a person. `key` tells its reply from those of other questions."""

    key: str
    message: str
    options: tuple[str, ...] = ()
    """Answers to choose from; none: free text."""
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """What a handler returns in place of its answer: it needs these replies first, and gets `state` back with them."""

    forms: tuple[Form, ...]
    state: str


class Choice(StrEnum):
    """What a person did with a form."""

    accept = "accept"
    decline = "decline"
    cancel = "cancel"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one form."""

    choice: Choice
    answer: str = ""
    """Of an accepted form."""
    additional_context: str | None = None


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What was said so far in this call with a person who can be asked."""

    replies: Mapping[str, Reply] = field(default_factory=dict[str, Reply])
    state: str | None = None
    """What the handler gave along when it asked; None: it has not asked yet."""

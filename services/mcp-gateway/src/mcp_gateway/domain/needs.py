"""Which role a tool needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from contracts.access import Role
from mcp_gateway.domain.principals import rank


class Effect(StrEnum):
    """What a request does to the system; each has a limit of its own."""

    read = "read"
    write = "write"


def effect_of(needed: Role) -> Effect:
    """Viewers change nothing, so what they may do reads, and all else counts as writing."""
    return Effect.read if needed is Role.viewer else Effect.write


@dataclass(frozen=True, slots=True)
class Needs:
    """The least role with which a tool can be called, and what its actions need where they differ."""

    least: Role
    by_action: Mapping[str, Role] = field(default_factory=dict[str, Role])

    @classmethod
    def of_actions(cls, actions: type[StrEnum], by_action: Mapping[Any, Role]) -> Self:
        """For a tool with a parameter `action`. Raises ValueError unless every action says what it needs."""
        unsaid = set(actions) ^ set(by_action)
        if unsaid:
            raise ValueError(f"{actions.__name__}: {', '.join(sorted(unsaid))} need a role, or are none of its actions")
        return cls(min(by_action.values(), key=rank), {str(action): role for action, role in by_action.items()})

    def of(self, action: object) -> Role:
        """What a call with this action needs; one that is not known needs the least, and will be refused for it."""
        return self.by_action.get(action, self.least) if isinstance(action, str) else self.least

"""What a scripted model says, turn by turn, and which turn a conversation has come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from json import dumps
from typing import Any

Request = dict[str, Any]


@dataclass(frozen=True)
class Usage:
    """Tokens of one turn: those sent, the part of them that was cached, those received, the part that was reasoning."""

    sent: int = 1_000
    cached: int = 200
    received: int = 50
    reasoning: int = 10


@dataclass(frozen=True)
class Turn:
    """One answer of the model: a thought, a text, and the call of a tool; without a call it is the last."""

    tool: str = ""
    """The end of the tool's name: each agent puts its own prefix before the names of MCP tools."""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    text: str = ""
    thought: str = ""
    usage: Usage = Usage()


@dataclass(frozen=True)
class Answer:
    """A turn as it goes on a wire: the tool's full name, and the namespace that it was offered in."""

    turn: Turn
    number: int
    tool: str = ""
    namespace: str | None = None

    @property
    def call_id(self) -> str:
        """Id of the call."""
        return f"call_{self.number}"

    @property
    def arguments(self) -> str:
        """What the tool is called with, as JSON."""
        return dumps(self.turn.arguments)


class NotOffered(Exception):
    """The script calls a tool that the agent does not offer."""


class Script:
    """The turns in order. A conversation says itself how far it is: by the results of tools that it holds."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = turns
        self.requests: list[Request] = []
        """All that was asked, for a test to look at."""

    def answer(self, results: int, offered: Sequence[tuple[str | None, str]]) -> Answer:
        """The turn after so many results; `offered` are the tools with their namespaces. Raises NotOffered."""
        if not offered:
            return Answer(Turn(text="A short title", usage=Usage(10, 0, 3, 0)), results)
        turn = self._turns[min(results, len(self._turns) - 1)]
        if not turn.tool:
            return Answer(turn, results)
        for namespace, name in sorted(offered, key=lambda tool: len(tool[1])):
            if name.endswith(turn.tool):
                return Answer(turn, results, name, namespace)
        raise NotOffered(f"the script calls {turn.tool}, which is none of the {len(offered)} tools that are offered")

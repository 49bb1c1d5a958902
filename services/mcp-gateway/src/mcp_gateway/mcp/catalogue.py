"""The tools of one server, with everything that can be computed before the first call."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mcp.types import ContentBlock, TextContent, Tool, ToolAnnotations
from pydantic import BaseModel, ValidationError

from contracts.access import Role
from mcp_gateway.decisions.faults import field_errors
from mcp_gateway.decisions.roles import may_see
from mcp_gateway.domain.needs import Needs
from mcp_gateway.domain.principals import Principal
from mcp_gateway.errors import InvalidInput
from mcp_gateway.mcp.schemas import Schema, input_schema, output_schema
from mcp_gateway.mcp.text.layout import printable
from mcp_gateway.ports import Call

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class ToolEntry(Generic[In, Out]):
    """One tool: how it is offered, what it takes and gives, who carries it out and who words the answer."""

    name: str
    title: str
    description: str
    takes: type[In]
    gives: type[BaseModel] | None
    """None: content alone, without structure."""
    handler: Callable[[In, Call], Awaitable[Out]]
    render: Callable[[Out], str | Sequence[ContentBlock]]
    needs: Needs
    annotations: ToolAnnotations | None = None


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool as the server knows it."""

    entry: ToolEntry[Any, Any]
    listed: Tool
    input_schema: Schema = field(repr=False)

    def parse(self, arguments: dict[str, Any] | None) -> BaseModel:
        """The arguments as the tool's input. Raises InvalidInput, which names every wrong field."""
        try:
            return self.entry.takes.model_validate(arguments or {}, extra="forbid")
        except ValidationError as error:
            raise InvalidInput(
                f"the parameters of {self.entry.name} are wrong", errors=field_errors(error, self.input_schema)
            ) from error

    def content(self, answer: object) -> list[ContentBlock]:
        """The answer for people; nothing in it can steer their terminal."""
        rendered = self.entry.render(answer)
        return [TextContent(text=printable(rendered))] if isinstance(rendered, str) else list(rendered)

    def structure(self, answer: object) -> dict[str, Any] | None:
        """The answer for programs, as the output schema says."""
        return answer.model_dump(mode="json", exclude_none=True) if isinstance(answer, BaseModel) else None


class Catalogue:
    """Tools by name, in the order of the table."""

    def __init__(self, entries: Iterable[ToolEntry[Any, Any]]) -> None:
        self._tools = {entry.name: _offer(entry) for entry in entries}

    @property
    def listed(self) -> list[Tool]:
        """The tools as `tools/list` shows them to who may call all."""
        return [tool.listed for tool in self._tools.values()]

    def listed_for(self, principal: Principal) -> list[Tool]:
        """Those that the caller may call."""
        return [tool.listed for name, tool in self._tools.items() if may_see(principal, name, tool.entry.needs)]

    def find(self, name: str) -> OfferedTool | None:
        """The tool of that name."""
        return self._tools.get(name)

    def needs(self, name: str) -> Needs | None:
        """What the tool needs; None for a tool that there is not."""
        tool = self._tools.get(name)
        return tool.entry.needs if tool else None

    @property
    def least_roles(self) -> dict[str, Role]:
        """The least role with which each tool can be called."""
        return {name: tool.entry.needs.least for name, tool in self._tools.items()}

    def input_schema(self, name: str) -> Schema | None:
        """The tool's input schema; None for a tool that there is not."""
        tool = self._tools.get(name)
        return tool.input_schema if tool else None


def _offer(entry: ToolEntry[Any, Any]) -> OfferedTool:
    takes = input_schema(entry.takes)
    listed = Tool(
        name=entry.name,
        title=entry.title,
        description=entry.description,
        input_schema=takes,
        output_schema=output_schema(entry.gives) if entry.gives else None,
        annotations=entry.annotations,
    )
    return OfferedTool(entry, listed, takes)

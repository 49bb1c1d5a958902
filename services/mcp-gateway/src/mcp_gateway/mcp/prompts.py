"""Prompts: what a person can begin with, and how their arguments are read."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mcp.types import (
    EmbeddedResource,
    GetPromptResult,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel, ValidationError

from contracts.access import Role
from mcp_gateway.decisions.faults import field_errors
from mcp_gateway.decisions.roles import check_beside_tools, may_use_beside_tools
from mcp_gateway.domain.principals import Principal
from mcp_gateway.domain.prompting import Brief
from mcp_gateway.errors import InvalidInput, NotFound
from mcp_gateway.mcp.schemas import Schema, input_schema
from mcp_gateway.mcp.text.layout import printable
from mcp_gateway.ports import Call

In = TypeVar("In", bound=BaseModel)
Messages = Sequence[PromptMessage]


@dataclass(frozen=True, slots=True)
class PromptEntry(Generic[In]):
    """One prompt: how it is offered, what it takes, and who writes it."""

    name: str
    title: str
    description: str
    takes: type[In]
    write: Callable[[In, Call], Awaitable[Brief | Messages]]
    role: Role
    """Who may begin with it: who may do what it leads to."""


@dataclass(frozen=True, slots=True)
class OfferedPrompt:
    """A prompt as the server knows it."""

    entry: PromptEntry[Any]
    listed: Prompt
    schema: Schema = field(repr=False)

    def parse(self, arguments: Mapping[str, str] | None) -> BaseModel:
        """The arguments, those that are empty left out. Raises InvalidInput, which names every wrong one."""
        given = {name: value for name, value in (arguments or {}).items() if value.strip()}
        try:
            return self.entry.takes.model_validate(given, extra="forbid")
        except ValidationError as error:
            errors = field_errors(error, self.schema)
            raise InvalidInput(f"the arguments of {self.entry.name} are wrong", errors=errors) from error

    @property
    def arguments(self) -> Mapping[str, Schema]:
        """The schema of each argument."""
        return self.schema.get("properties", {})


class PromptBook:
    """Prompts by name, in the order of the table."""

    def __init__(self, entries: Iterable[PromptEntry[Any]]) -> None:
        self._prompts = {entry.name: _offer(entry) for entry in entries}

    @property
    def listed(self) -> list[Prompt]:
        """The prompts as `prompts/list` shows them to who may use all."""
        return [prompt.listed for prompt in self._prompts.values()]

    def listed_for(self, principal: Principal) -> list[Prompt]:
        """Those that the caller may use."""
        usable = (one for one in self._prompts.values() if may_use_beside_tools(principal, one.entry.role))
        return [prompt.listed for prompt in usable]

    def find(self, name: str) -> OfferedPrompt:
        """The prompt of that name. Raises NotFound."""
        if name not in self._prompts:
            raise NotFound(f"no prompt {name}; there are: {', '.join(self._prompts)}")
        return self._prompts[name]

    def find_for(self, name: str, principal: Principal) -> OfferedPrompt:
        """The same for a caller. Raises NotFound, Forbidden."""
        prompt = self.find(name)
        check_beside_tools(principal, prompt.entry.role, f"the prompt {name}")
        return prompt

    async def get(self, name: str, arguments: Mapping[str, str] | None, call: Call) -> GetPromptResult:
        """The prompt with these arguments. Raises NotFound, Forbidden, InvalidInput, and what its writing raises."""
        prompt = self.find_for(name, call.principal)
        written = await prompt.entry.write(prompt.parse(arguments), call)
        messages = _messages(written) if isinstance(written, Brief) else written
        return GetPromptResult(description=prompt.entry.description, messages=list(messages))


def _offer(entry: PromptEntry[Any]) -> OfferedPrompt:
    schema = input_schema(entry.takes)
    required = frozenset(schema.get("required", ()))
    arguments = [_argument(name, one, name in required) for name, one in schema.get("properties", {}).items()]
    listed = Prompt(name=entry.name, title=entry.title, description=entry.description, arguments=arguments)
    return OfferedPrompt(entry, listed, schema)


def _argument(name: str, schema: Schema, required: bool) -> PromptArgument:
    allowed = f" One of: {', '.join(schema['enum'])}." if "enum" in schema else ""
    default = f" Default: {schema['default']}." if isinstance(schema.get("default"), str) else ""
    return PromptArgument(
        name=name, description=f"{schema.get('description', '')}{allowed}{default}".strip(), required=required
    )


def _messages(brief: Brief) -> Messages:
    attached = [
        EmbeddedResource(resource=TextResourceContents(uri=one.uri, mime_type="application/json", text=one.json))
        for one in brief.attached
    ]
    return [
        PromptMessage(role="user", content=content) for content in (TextContent(text=printable(brief.text)), *attached)
    ]

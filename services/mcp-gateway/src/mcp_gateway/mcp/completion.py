"""`completion/complete`: values for the arguments of prompts and the variables of resource templates."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from mcp.types import Completion, CompletionArgument, PromptReference, ResourceTemplateReference

from mcp_gateway.decisions.completing import NOTHING, Fitting, Known, fitting, fitting_last
from mcp_gateway.domain.principals import Principal
from mcp_gateway.errors import NotFound
from mcp_gateway.handlers import completing
from mcp_gateway.mcp.prompts import PromptBook
from mcp_gateway.mcp.resources import Library
from mcp_gateway.ports import Call

Find = Callable[[Call], Awaitable[Known]]
Fit = Callable[[str, Known], Fitting]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the values of an argument are found, and how they are matched."""

    find: Find
    fit: Fit = fitting


SOURCES: Mapping[str, Source] = {
    "task_id": Source(completing.task_ids),
    "worker_id": Source(completing.worker_ids),
    "workers": Source(completing.worker_ids, fitting_last),
    "question_id": Source(completing.question_ids),
    "repository": Source(completing.repositories),
    "agent": Source(completing.agents),
}
"""By the argument's name, which means the same everywhere."""


class Completer:
    """Completes by name; an argument with a closed list of values by that list."""

    def __init__(self, prompts: PromptBook, library: Library, sources: Mapping[str, Source] = SOURCES) -> None:
        self._prompts = prompts
        self._library = library
        self._sources = sources

    async def complete(
        self, ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, call: Call
    ) -> Completion:
        """The values that fit. Raises NotFound, Forbidden, and what looking for values raises."""
        source = self._source(ref, argument.name, call.principal)
        found = source.fit(argument.value, await source.find(call))
        return Completion(values=found.values, total=found.total, has_more=found.has_more)

    def _source(self, ref: PromptReference | ResourceTemplateReference, name: str, principal: Principal) -> Source:
        if isinstance(ref, ResourceTemplateReference):
            self._library.check(ref.uri, principal)
            variables = self._library.variables(ref.uri)
            _check(name, variables, ref.uri)
            return self._sources.get(name, _NO_SOURCE)
        arguments = self._prompts.find_for(ref.name, principal).arguments
        _check(name, list(arguments), ref.name)
        if "enum" in arguments[name]:
            return _fixed(arguments[name]["enum"])
        return self._sources.get(name, _NO_SOURCE)


def _check(name: str, known: list[str], where: str) -> None:
    if name not in known:
        raise NotFound(f"{where} has no argument {name}; it has: {', '.join(known) or 'none'}")


def _fixed(values: list[str]) -> Source:
    async def find(_: Call) -> Known:
        return Known(values)

    return Source(find)


async def _nothing(_: Call) -> Known:
    return NOTHING


_NO_SOURCE = Source(_nothing)

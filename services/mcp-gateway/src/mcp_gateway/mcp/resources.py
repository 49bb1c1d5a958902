"""Resources: what a client can read by address, and how addresses are matched."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from mcp.types import BlobResourceContents, Resource, ResourceTemplate, TextResourceContents
from pydantic import BaseModel

from contracts.access import Role
from mcp_gateway.decisions.roles import check_beside_tools, may_use_beside_tools
from mcp_gateway.domain.principals import Principal
from mcp_gateway.errors import NotFound
from mcp_gateway.ports import Call

_VARIABLE = re.compile(r"\{([a-z_]+)\}")

Contents = TextResourceContents | BlobResourceContents
Read = Callable[[Mapping[str, str], Call], Awaitable[BaseModel | str]]


@dataclass(frozen=True, slots=True)
class ResourceEntry:
    """One resource, or a family of them where `uri` holds `{variables}`."""

    uri: str
    name: str
    title: str
    description: str
    read: Read
    role: Role
    mime_type: str = "application/json"
    blob: bool = False
    """`read` gives base64."""


class Library:
    """Resources by address."""

    def __init__(self, entries: Iterable[ResourceEntry]) -> None:
        self._patterns = [(_pattern(entry.uri), entry) for entry in entries]
        self._listed = [(entry, _listed(entry)) for _, entry in self._patterns if not _VARIABLE.search(entry.uri)]
        self._templates = [(entry, _template(entry)) for _, entry in self._patterns if _VARIABLE.search(entry.uri)]

    def listed_for(self, principal: Principal) -> list[Resource]:
        """The resources that the caller may read."""
        return [listed for entry, listed in self._listed if may_use_beside_tools(principal, entry.role)]

    def templates_for(self, principal: Principal) -> list[ResourceTemplate]:
        """The families of resources that the caller may read."""
        return [listed for entry, listed in self._templates if may_use_beside_tools(principal, entry.role)]

    def check(self, uri: str, principal: Principal) -> None:
        """Raise NotFound, or Forbidden, unless the caller may read what is at `uri`, or is of that family."""
        entry = next((one for pattern, one in self._patterns if uri == one.uri or pattern.fullmatch(uri)), None)
        if entry is None:
            raise NotFound(self._unknown(uri))
        check_beside_tools(principal, entry.role, f"the resource {entry.uri}")

    def variables(self, uri: str) -> list[str]:
        """Names of the variables in the address of a resource, or a family of them. Raises NotFound."""
        for _, entry in self._patterns:
            if entry.uri == uri:
                return _VARIABLE.findall(uri)
        raise NotFound(self._unknown(uri))

    async def read(self, uri: str, call: Call) -> Contents:
        """What is at `uri` now. Raises NotFound, Forbidden, and whatever its reading raises."""
        self.check(uri, call.principal)
        for pattern, entry in self._patterns:
            if match := pattern.fullmatch(uri):
                return _contents(uri, entry, await entry.read(match.groupdict(), call))
        raise NotFound(self._unknown(uri))

    def _unknown(self, uri: str) -> str:
        known = ", ".join(entry.uri for _, entry in self._patterns)
        return f"no resource {uri}; there are: {known}"


def _pattern(uri: str) -> re.Pattern[str]:
    parts = _VARIABLE.split(uri)
    return re.compile("".join(re.escape(part) if n % 2 == 0 else f"(?P<{part}>[^/]+)" for n, part in enumerate(parts)))


def _contents(uri: str, entry: ResourceEntry, found: BaseModel | str) -> Contents:
    text = found if isinstance(found, str) else found.model_dump_json(exclude_none=True, indent=2)
    if entry.blob:
        return BlobResourceContents(uri=uri, mime_type=entry.mime_type, blob=text)
    return TextResourceContents(uri=uri, mime_type=entry.mime_type, text=text)


def _listed(entry: ResourceEntry) -> Resource:
    return Resource(
        uri=entry.uri,
        name=entry.name,
        title=entry.title,
        description=entry.description,
        mime_type=entry.mime_type,
    )


def _template(entry: ResourceEntry) -> ResourceTemplate:
    return ResourceTemplate(
        uri_template=entry.uri,
        name=entry.name,
        title=entry.title,
        description=entry.description,
        mime_type=entry.mime_type,
    )

"""Going through XML that nobody vouches for: no entities, no tree in memory, no depth without end."""

from typing import Any, Protocol, cast
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import XMLParser

MOST_DEPTH = 100


class OtherKind(ValueError):
    """The document is not of the kind that is looked for."""


class Elements(Protocol):
    """Is told of each element as it begins and ends; the root has depth 1. Raises OtherKind to stop."""

    def start(self, tag: str, attributes: dict[str, str], depth: int) -> None:
        """An element begins."""
        ...

    def end(self, tag: str, depth: int) -> None:
        """An element ends."""
        ...


def scan(content: bytes, elements: Elements) -> bool:
    """Go through a document; False when it is damaged, dangerous, or not of the kind that is looked for."""
    parser = cast(Any, XMLParser(target=_Target(elements), forbid_entities=True, forbid_external=True))
    try:
        parser.feed(content)
        parser.close()
    except (ParseError, ValueError, LookupError):
        # What defusedxml forbids is a ValueError, and so is a kind or a depth that is not taken.
        return False
    return True


class _Target:
    def __init__(self, elements: Elements) -> None:
        self._elements = elements
        self._depth = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise OtherKind(f"elements are nested more than {MOST_DEPTH} deep")
        self._elements.start(_local(tag), attributes, self._depth)

    def end(self, tag: str) -> None:
        self._elements.end(_local(tag), self._depth)
        self._depth -= 1

    def close(self) -> None:
        return


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]

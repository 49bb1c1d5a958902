"""Opens the reports that tools leave on disk. The project's code ran while they were written: they are not trusted."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import TypeAdapter, ValidationError

from auditor.errors import UnreadableReportError

SIZE_LIMIT = 128 * 1024 * 1024

ValueT = TypeVar("ValueT")

_ANY: TypeAdapter[Any] = TypeAdapter(Any)


def read_text(path: Path, limit: int = SIZE_LIMIT) -> str:
    """The text of a regular file of at most `limit` bytes, or UnreadableReportError."""
    try:
        if path.is_symlink() or not path.is_file():
            raise UnreadableReportError(f"{path.name} was not written")
        if path.stat().st_size > limit:
            raise UnreadableReportError(f"{path.name} is larger than {limit} bytes")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UnreadableReportError(f"{path.name} cannot be read: {error.strerror}") from error


def parse_xml(text: str) -> Element:
    """The root of an XML document without document type, entities or external references."""
    try:
        return fromstring(text, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except (ParseError, DefusedXmlException, ValueError, RecursionError) as error:
        raise UnreadableReportError(f"the XML cannot be read: {type(error).__name__}") from error


def parse_json(text: str, adapter: TypeAdapter[ValueT]) -> ValueT:
    """A JSON document of a known form."""
    try:
        return adapter.validate_python(json.loads(text))
    except (ValueError, ValidationError, RecursionError) as error:
        raise UnreadableReportError(f"the JSON has another form than expected: {type(error).__name__}") from error


def worst(items: Iterable[ValueT], key: Callable[[ValueT], float], count: int) -> list[ValueT]:
    """The `count` items with the largest key, largest first; equal ones in their order."""
    return sorted(items, key=key, reverse=True)[:count]

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from contracts.access import Role
from mcp_gateway.domain.principals import LOCAL
from mcp_gateway.errors import NotFound
from mcp_gateway.mcp.resources import Library, ResourceEntry
from mcp_gateway.ports import Call

ANYBODY = cast("Call", SimpleNamespace(principal=LOCAL))


async def names(found: Mapping[str, str], _: Call) -> str:
    return ",".join(f"{name}={value}" for name, value in found.items())


def library(*uris: str, **more: Any) -> Library:
    return Library(ResourceEntry(uri, uri, uri, uri, names, Role.viewer, **more) for uri in uris)


async def test_variables_are_taken_from_the_address() -> None:
    books = library("a://tasks/{task_id}", "a://tasks/{task_id}/streams", "a://all")
    for uri, expected in (
        ("a://tasks/t-1", "task_id=t-1"),
        ("a://tasks/t-1/streams", "task_id=t-1"),
        ("a://all", ""),
    ):
        assert getattr(await books.read(uri, ANYBODY), "text", None) == expected


@pytest.mark.parametrize("uri", ["a://tasks/", "a://tasks/x/y/z", "a://allx", "b://all", "a://tasks/x/streams/", ""])
async def test_an_address_that_matches_nothing_is_not_found(uri: str) -> None:
    with pytest.raises(NotFound, match="a://all"):
        await library("a://tasks/{task_id}", "a://tasks/{task_id}/streams", "a://all").read(uri, ANYBODY)


def test_templates_are_listed_apart() -> None:
    books = library("a://tasks/{task_id}", "a://all")
    assert [found.uri for found in books.listed_for(LOCAL)] == ["a://all"]
    assert [found.uri_template for found in books.templates_for(LOCAL)] == ["a://tasks/{task_id}"]


async def test_a_blob_is_told_as_one() -> None:
    found = await library("a://all", mime_type="image/png", blob=True).read("a://all", ANYBODY)
    assert (found.mime_type, getattr(found, "blob", None)) == ("image/png", "")

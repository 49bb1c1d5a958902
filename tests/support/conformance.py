"""The fixture tools and resources that the official conformance suite calls by name, for a test-only gateway."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp.types import AudioContent, ContentBlock, EmbeddedResource, ImageContent, TextContent, TextResourceContents

from contracts.base import Model
from mcp_gateway.errors import GatewayError
from mcp_gateway.mcp.catalogue import ToolEntry
from mcp_gateway.mcp.resources import ResourceEntry
from mcp_gateway.ports import Call

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
IMAGE = ImageContent(data=PNG, mime_type="image/png")


class Nothing(Model):
    """No parameters."""


class FixtureBroken(GatewayError):
    """The error that the suite wants to see."""


def embedded(uri: str, text: str, mime_type: str) -> EmbeddedResource:
    """A resource within an answer."""
    return EmbeddedResource(resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


def fixture(name: str, *blocks: ContentBlock) -> ToolEntry[Nothing, Sequence[ContentBlock]]:
    """A tool that always answers the same."""

    async def same(_: Nothing, __: Call) -> Sequence[ContentBlock]:
        return blocks

    return _tool(name, same)


async def fail(_: Nothing, __: Call) -> Sequence[ContentBlock]:
    """Fail as a tool of the gateway does."""
    raise FixtureBroken("This tool intentionally returns an error for testing")


async def progress(_: Nothing, call: Call) -> Sequence[ContentBlock]:
    """Tell of three steps."""
    for step in (0, 50, 100):
        await call.report_progress(step, 100, f"Completed step {step} of 100")
    return [TextContent(text="done")]


async def static_text(_: Mapping[str, str], __: Call) -> str:
    """A fixed text."""
    return "This is the content of the static text resource."


async def static_binary(_: Mapping[str, str], __: Call) -> str:
    """A fixed picture."""
    return PNG


async def template(names: Mapping[str, str], _: Call) -> str:
    """A text that repeats the id in its address."""
    return f'{{"id": "{names["id"]}", "templateTest": true, "data": "Data for ID: {names["id"]}"}}'


def _tool(name: str, handler: Any) -> ToolEntry[Any, Any]:
    return ToolEntry(
        name=name,
        title=name,
        description="A fixture of the conformance suite.",
        takes=Nothing,
        gives=None,
        handler=handler,
        render=lambda blocks: blocks,
    )


def _resource(uri: str, read: Any, mime_type: str, *, blob: bool = False) -> ResourceEntry:
    return ResourceEntry(uri, uri, uri, "A fixture of the conformance suite.", read, mime_type, blob)


FIXTURE_TOOLS = (
    fixture("test_simple_text", TextContent(text="This is a simple text response for testing.")),
    fixture("test_image_content", IMAGE),
    fixture("test_audio_content", AudioContent(data=WAV, mime_type="audio/wav")),
    fixture(
        "test_embedded_resource",
        embedded("test://embedded-resource", "This is an embedded resource content.", "text/plain"),
    ),
    fixture(
        "test_multiple_content_types",
        TextContent(text="Multiple content types test:"),
        IMAGE,
        embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
    ),
    _tool("test_error_handling", fail),
    _tool("test_tool_with_progress", progress),
)

FIXTURE_RESOURCES = (
    _resource("test://static-text", static_text, "text/plain"),
    _resource("test://static-binary", static_binary, "image/png", blob=True),
    _resource("test://template/{id}/data", template, "application/json"),
)

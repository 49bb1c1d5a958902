"""The fixtures that the official conformance suite calls by name, for a test-only gateway."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp.types import (
    AudioContent,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    PromptMessage,
    TextContent,
    TextResourceContents,
)

from contracts.access import Role
from contracts.base import Model
from mcp_gateway.domain.needs import Needs
from mcp_gateway.errors import GatewayError
from mcp_gateway.mcp.catalogue import ToolEntry
from mcp_gateway.mcp.prompts import PromptEntry
from mcp_gateway.mcp.resources import ResourceEntry
from mcp_gateway.ports import Call

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
IMAGE = ImageContent(data=PNG, mime_type="image/png")


class Nothing(Model):
    """No parameters."""


class TwoArguments(Model):
    """Arguments of a prompt."""

    arg1: str
    arg2: str


class OneResource(Model):
    """The resource that a prompt embeds; named as the suite does."""

    resourceUri: str


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


async def simple_prompt(_: Nothing, __: Call) -> Sequence[PromptMessage]:
    """A fixed text."""
    return _said(TextContent(text="This is a simple prompt for testing."))


async def prompt_with_arguments(given: TwoArguments, _: Call) -> Sequence[PromptMessage]:
    """A text with the arguments in it."""
    return _said(TextContent(text=f"Prompt with arguments: arg1='{given.arg1}', arg2='{given.arg2}'"))


async def prompt_with_resource(given: OneResource, _: Call) -> Sequence[PromptMessage]:
    """A resource, and what to do with it."""
    resource = embedded(given.resourceUri, "Embedded resource content for testing.", "text/plain")
    return _said(resource, TextContent(text="Please process the embedded resource above."))


async def prompt_with_image(_: Nothing, __: Call) -> Sequence[PromptMessage]:
    """A picture, and what to do with it."""
    return _said(IMAGE, TextContent(text="Please analyze the image above."))


def _said(*blocks: ContentBlock) -> Sequence[PromptMessage]:
    return [PromptMessage(role="user", content=block) for block in blocks]


def _prompt(name: str, takes: type[Model], write: Any) -> PromptEntry[Any]:
    return PromptEntry(name, name, "A fixture of the conformance suite.", takes, write, Role.viewer)


def _tool(name: str, handler: Any) -> ToolEntry[Any, Any]:
    return ToolEntry(
        name=name,
        title=name,
        description="A fixture of the conformance suite.",
        takes=Nothing,
        gives=None,
        handler=handler,
        render=lambda blocks: blocks,
        needs=Needs(Role.viewer),
    )


def _resource(uri: str, read: Any, mime_type: str, *, blob: bool = False) -> ResourceEntry:
    return ResourceEntry(uri, uri, uri, "A fixture of the conformance suite.", read, Role.viewer, mime_type, blob)


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

FIXTURE_PROMPTS = (
    _prompt("test_simple_prompt", Nothing, simple_prompt),
    _prompt("test_prompt_with_arguments", TwoArguments, prompt_with_arguments),
    _prompt("test_prompt_with_embedded_resource", OneResource, prompt_with_resource),
    _prompt("test_prompt_with_image", Nothing, prompt_with_image),
)

"""The command line's session with the gateway."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from devstack import gateway
from devstack.calls import Target


@pytest.mark.parametrize("error", [ExceptionGroup("of the client", [OSError("closed")]), OSError("closed")])
async def test_who_is_interrupted_sees_no_error_of_what_is_closed_under_it(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    opened = asyncio.Event()

    @asynccontextmanager
    async def failing():
        try:
            yield
        finally:
            raise error

    async def open_failing(stack: AsyncExitStack, _: Target) -> Any:
        await stack.enter_async_context(failing())

    async def use() -> None:
        async with gateway.open_gateway(Target("http://127.0.0.1:1/mcp")):
            opened.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(gateway, "_opened", open_failing)
    using = asyncio.create_task(use())
    await opened.wait()
    using.cancel()
    await asyncio.wait([using])
    assert using.cancelled()
    with pytest.raises(OSError, match="closed"):
        async with gateway.open_gateway(Target("http://127.0.0.1:1/mcp")):
            pass

"""What becomes of an error after an answer has begun."""

from typing import Any

import anyio
import pytest

from servicekit.http.problems import ProblemMiddleware

SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/live"}


async def answered(error: Exception, *, started: bool) -> list[str]:
    """The types of the messages that an application sends which fails before or after it has begun to answer."""
    sent: list[str] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    await ProblemMiddleware(app)(SCOPE, receive, send)
    return sent


async def test_that_a_client_has_left_a_stream_is_no_error() -> None:
    left = ExceptionGroup("tasks", [anyio.BrokenResourceError(), ExceptionGroup("more", [anyio.ClosedResourceError()])])
    assert await answered(left, started=True) == ["http.response.start"]


@pytest.mark.parametrize("error", [ValueError("x"), ExceptionGroup("tasks", [anyio.BrokenResourceError(), KeyError()])])
async def test_any_other_error_of_a_stream_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        await answered(error, started=True)


async def test_the_same_before_an_answer_has_begun_is_told() -> None:
    sent = await answered(anyio.BrokenResourceError(), started=False)
    assert sent[0] == "http.response.start"

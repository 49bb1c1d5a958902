"""The scripted model as a server: chat completions, responses, Anthropic messages, Gemini."""

from collections.abc import AsyncGenerator, Iterable
from json import dumps
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from tests.support.model import chat, gemini, messages, responses
from tests.support.model.script import NotOffered, Script

Event = dict[str, Any]
DONE = "data: [DONE]\n\n"


def create_model(script: Script) -> FastAPI:
    """The application; it knows one model by any name."""
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> Any:
        body = await _noted(request)
        answer = script.answer(*chat.state_of(body))
        return _events(chat.stream(answer, body["model"]), DONE) if body.get("stream") else chat.whole(answer, body["model"])

    @app.post("/v1/responses")
    async def respond(request: Request) -> Any:
        body = await _noted(request)
        return _named(responses.stream(script.answer(*responses.state_of(body)), body["model"]))

    @app.post("/v1/messages")
    async def converse(request: Request) -> Any:
        body = await _noted(request)
        answer = script.answer(*messages.state_of(body))
        if not body.get("stream"):
            return messages.whole(answer, body["model"])
        return _named(messages.stream(answer, body["model"]))

    @app.post("/v1/messages/count_tokens")
    async def count() -> Event:
        return {"input_tokens": 1_000}

    @app.post("/v1beta/models/{call}")
    async def generate(call: str, request: Request) -> Any:
        body = await _noted(request)
        if call.endswith(":countTokens"):
            return {"totalTokens": 1_000}
        answer = script.answer(*gemini.state_of(body))
        said = gemini.whole(answer, call.partition(":")[0])
        return _events([said]) if call.endswith(":streamGenerateContent") else said

    @app.exception_handler(NotOffered)
    async def refuse(_: Request, error: NotOffered) -> JSONResponse:
        return JSONResponse({"error": {"message": str(error), "type": "invalid_request_error"}}, 400)

    async def _noted(request: Request) -> Event:
        body = await request.json()
        script.requests.append(body)
        return body

    return app


def _events(events: Iterable[Event], last: str = "") -> StreamingResponse:
    """Server-sent events without names."""
    return _stream([*(f"data: {dumps(event)}\n\n" for event in events), last])


def _named(events: Iterable[Event]) -> StreamingResponse:
    """Server-sent events that are named by their type."""
    return _stream(f"event: {event['type']}\ndata: {dumps(event)}\n\n" for event in events)


def _stream(parts: Iterable[str]) -> StreamingResponse:
    async def written() -> AsyncGenerator[str]:
        for part in parts:
            yield part

    return StreamingResponse(written(), media_type="text/event-stream")

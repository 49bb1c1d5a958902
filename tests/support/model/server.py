"""The scripted model as a server: chat completions, responses, Anthropic messages, Gemini."""

from collections.abc import AsyncGenerator, Iterable
from json import dumps
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse

from tests.support.model import chat, gemini, messages, responses
from tests.support.model.script import NotOffered, Script

Event = dict[str, Any]
DONE = "data: [DONE]\n\n"


def create_model(script: Script) -> FastAPI:
    """The application; it knows one model by any name."""
    app = FastAPI()
    for router in (_openai(script), _anthropic(script), _google(script)):
        app.include_router(router)

    @app.exception_handler(NotOffered)
    async def refuse(_: Request, error: NotOffered) -> JSONResponse:
        return JSONResponse({"error": {"message": str(error), "type": "invalid_request_error"}}, 400)

    return app


def _openai(script: Script) -> APIRouter:
    router = APIRouter(prefix="/v1")

    @router.post("/chat/completions")
    async def complete(request: Request) -> Any:
        body = await _noted(script, request)
        answer, model = script.answer(*chat.state_of(body)), body["model"]
        return _events(chat.stream(answer, model), DONE) if body.get("stream") else chat.whole(answer, model)

    @router.post("/responses")
    async def respond(request: Request) -> Any:
        body = await _noted(script, request)
        return _named(responses.stream(script.answer(*responses.state_of(body)), body["model"]))

    return router


def _anthropic(script: Script) -> APIRouter:
    router = APIRouter(prefix="/v1/messages")

    @router.post("")
    async def converse(request: Request) -> Any:
        body = await _noted(script, request)
        answer, model = script.answer(*messages.state_of(body)), body["model"]
        return _named(messages.stream(answer, model)) if body.get("stream") else messages.whole(answer, model)

    @router.post("/count_tokens")
    async def count() -> Event:
        return {"input_tokens": 1_000}

    return router


def _google(script: Script) -> APIRouter:
    router = APIRouter(prefix="/v1beta/models")

    @router.post("/{model}:countTokens")
    async def count() -> Event:
        return {"totalTokens": 1_000}

    @router.post("/{model}:generateContent")
    async def generate(model: str, request: Request) -> Any:
        return gemini.whole(script.answer(*gemini.state_of(await _noted(script, request))), model)

    @router.post("/{model}:streamGenerateContent")
    async def stream(model: str, request: Request) -> Any:
        return _events([gemini.whole(script.answer(*gemini.state_of(await _noted(script, request))), model)])

    return router


async def _noted(script: Script, request: Request) -> Event:
    body = await request.json()
    script.requests.append(body)
    return body


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

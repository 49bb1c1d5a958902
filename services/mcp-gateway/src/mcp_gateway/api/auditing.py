"""What the audit log learns of HTTP: who was turned away at the door, and what administrators ask behind it."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.audit import AuditSource
from mcp_gateway.api.door import is_guarded
from mcp_gateway.decisions.audit.describing import Caller, Made
from mcp_gateway.decisions.audit.outcomes import of_status
from mcp_gateway.decisions.audit.requests import AUDITED, client_of
from mcp_gateway.handlers.audit.calls import CallAudit, Ongoing
from mcp_gateway.handlers.audit.turning import Attempt, TurnedAway
from servicekit.clock import Clock
from servicekit.errors import is_coded, problem_of
from servicekit.http.middleware import route_template
from servicekit.traces import current_trace_id

ADMIN = "/v1"
TURNED_AWAY = frozenset({401, 403, 421, 429})
READING = frozenset({"GET", "HEAD", "OPTIONS"})
MOST_BODY = 64 * 1024


class TurnedAwayAudit:
    """Outside of the door: tells who did not pass it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application."""
        if scope["type"] != "http" or not is_guarded(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in TURNED_AWAY:
                _tell(scope, message["status"])
            await send(message)

        await self._app(scope, receive, sending)


def _tell(scope: Scope, status: int) -> None:
    if AUDITED in scope:
        return
    turned_away: TurnedAway = scope["app"].state.turned_away
    caller = Caller(scope.get("principal"), client_of(scope), current_trace_id())
    turned_away.note(Attempt(scope["method"], scope["path"], caller), of_status(status, None))


class AdminAudit:
    """Behind the door: tells of every request to the administrators' routes."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application. Raises Unavailable for what must be written down first, and cannot."""
        if scope["type"] != "http" or not scope["path"].startswith(f"{ADMIN}/"):
            await self._app(scope, receive, send)
            return
        body = bytearray()

        async def receiving() -> Message:
            message = await receive()
            if len(body) < MOST_BODY:
                body.extend(message.get("body", b""))
            return message

        made = Made(AuditSource.admin, f"{scope['method']} {scope['path']}", _asked(scope, b""), self._clock.now())
        caller = Caller(scope["principal"], client_of(scope), current_trace_id())
        scope[AUDITED] = True
        audit: CallAudit = scope["app"].state.audited_calls
        ongoing = await audit.begin(made, caller, writes=scope["method"] not in READING)
        answer = _Answer(ongoing, scope, body, send)
        try:
            await self._app(scope, receiving, answer.sending)
        except asyncio.CancelledError:
            answer.leave()
            raise
        except Exception as error:
            # It becomes an answer further out.
            problem = problem_of(error) if is_coded(error) else None
            await answer.end(problem.status if problem else 500, problem.code if problem else "internal")
            raise


class _Answer:
    """Holds an answer back until its entry is written."""

    def __init__(self, ongoing: Ongoing, scope: Scope, body: bytearray, send: Send) -> None:
        self._ongoing = ongoing
        self._scope = scope
        self._body = body
        self._send = send
        self._start: Message | None = None
        self._ended = False

    async def sending(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is not None:
            start, self._start = self._start, None
            await self.end(start["status"], _code(start["status"], message.get("body", b"")))
            await self._send(start)
        await self._send(message)

    async def end(self, status: int, code: str | None) -> None:
        if not self._ended:
            self._ended = True
            about = _asked(self._scope, bytes(self._body))
            template = f"{self._scope['method']} {route_template(self._scope)}"
            await self._ongoing.end(of_status(status, code), about=about, action=template)

    def leave(self) -> None:
        if not self._ended:
            self._ended = True
            self._ongoing.leave()


def _asked(scope: Scope, body: bytes) -> Mapping[str, object]:
    asked: dict[str, object] = {"path": scope["path"]}
    if scope["query_string"]:
        asked["query"] = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    asked.update(scope.get("path_params") or {})
    if body:
        asked["body"] = _read(body)
    return asked


def _read(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return f"{len(body)} bytes"


def _code(status: int, body: bytes) -> str | None:
    if status < 400:
        return None
    try:
        problem: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return str(cast("dict[str, Any]", problem).get("code") or "") or None if isinstance(problem, dict) else None

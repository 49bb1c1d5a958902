"""A real receiver of webhooks, which checks their signatures as the Standard Webhooks specification says."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.serving import serving

KEY = b"k" * 32
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass
class Listener:
    """A receiver of webhooks that takes what is signed, as often as it is told to."""

    answers: list[int] = field(default_factory=list[int])
    """What it answers to the next messages; then 200."""
    heard: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    ids: list[str] = field(default_factory=list[str])
    times: list[int] = field(default_factory=list[int])

    async def hear(self, request: Request) -> Response:
        """Take a message, if its signature is right."""
        body, headers = await request.body(), request.headers
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        if headers["webhook-signature"] != f"v1,{expected}":
            return Response(status_code=401)
        self.times.append(int(headers["webhook-timestamp"]))
        self.ids.append(headers["webhook-id"])
        self.heard.append(json.loads(body))
        status = self.answers.pop(0) if self.answers else 200
        return Response(status_code=status, headers={"location": "/elsewhere"} if status in range(300, 400) else {})

    async def elsewhere(self, _: Request) -> Response:
        """Where it sends on to; nobody should follow."""
        raise AssertionError("a redirect was followed")

    def of(self, question_id: str) -> list[dict[str, Any]]:
        """What it heard of a question."""
        return [one for one in self.heard if one["data"]["question_id"] == question_id]

    def ids_of(self, question_id: str) -> list[str]:
        """Under which ids it heard of it."""
        pairs = zip(self.ids, self.heard, strict=True)
        return [webhook_id for webhook_id, one in pairs if one["data"]["question_id"] == question_id]


@asynccontextmanager
async def listening() -> AsyncGenerator[tuple[Listener, str]]:
    """A receiver, and its address."""
    made = Listener()
    routes = [Route("/hook", made.hear, methods=["POST"]), Route("/elsewhere", made.elsewhere, methods=["GET", "POST"])]
    async with serving(Starlette(routes=routes)) as url:
        yield made, f"{url}/hook"

"""Callers of a gateway in token mode, by role, and MCP messages as small as can be."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

MODERN = "2026-07-28"
ROLES = ("viewer", "operator", "admin")
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


def token_of(role: str) -> str:
    """The listed token of the caller with this role."""
    return f"listed-token-of-a-{role}"


def token_mode(**more: Any) -> dict[str, Any]:
    """Settings of a gateway that lists one caller for each role, named as the role."""
    entries = [f"{role}:{hashlib.sha256(token_of(role).encode()).hexdigest()}:{role}" for role in ROLES]
    listed: dict[str, Any] = {"auth_mode": "token", "gateway_tokens": SecretStr(",".join(entries))}
    return listed | {"gateway_state_keys": SecretStr("k" * 32)} | more


def bearer(token: str | None) -> dict[str, str]:
    """The header that shows a token."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


@dataclass(frozen=True)
class Answer:
    """How one message was answered."""

    status: int
    headers: httpx.Headers
    body: Mapping[str, Any]

    @property
    def result(self) -> dict[str, Any]:
        assert "result" in self.body, self.body
        return self.body["result"]

    @property
    def problem(self) -> dict[str, Any]:
        """The problem details, wherever they are; empty where all went well."""
        if self.status >= 400 and "jsonrpc" not in self.body:
            return dict(self.body)
        holder = self.body.get("error", {}).get("data") or self.body.get("result", {}).get("_meta") or {}
        return holder.get("mews/problem", {})

    @property
    def code(self) -> str:
        """Code of the problem; `ok` where there is none."""
        return self.problem.get("code", "ok")


@dataclass(frozen=True)
class McpCaller:
    """One caller of `/mcp`; each message is a request of its own, in the newer era unless it is told otherwise."""

    http: httpx.AsyncClient
    url: str
    token: str | None
    modern: bool = True

    async def tell(self, method: str, **params: Any) -> Answer:
        """Send one request and read its answer."""
        response = await self.http.post(
            self.url, content=self._body(method, params), headers=self._headers(method, params)
        )
        return Answer(response.status_code, response.headers, _message(response))

    async def call(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool."""
        return await self.tell("tools/call", name=tool, arguments=arguments)

    def _body(self, method: str, params: dict[str, Any]) -> str:
        meta = {"_meta": META} if self.modern else {}
        return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params | meta})

    def _headers(self, method: str, params: dict[str, Any]) -> dict[str, str]:
        plain = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        if not self.modern:
            return plain | bearer(self.token) | {"MCP-Protocol-Version": "2025-11-25"}
        named = {"Mcp-Name": params[NAMED[method]]} if method in NAMED else {}
        return plain | bearer(self.token) | named | {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}


def _message(response: httpx.Response) -> dict[str, Any]:
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        data = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: {")]
        return json.loads(data[-1])
    return response.json() if response.content else {}

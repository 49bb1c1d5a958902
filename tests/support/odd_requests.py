"""Requests as no client sends them, byte by byte, and the status that is answered."""

import socket
from collections.abc import Callable, Iterator

from tests.support.fuzzing import NASTY

ANSWER_WITHIN_S = 20.0
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW", "get")
BODY = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
JSON = ("Content-Type: application/json", "Accept: application/json, text/event-stream")
ODD_HEADERS = (
    "Content-Type: \xff",
    "Content-Type: application/json; charset=utf-32",
    "Content-Encoding: gzip",
    "Accept: ;;;,,,/",
    "Accept: text/html;q=9e99",
    "Authorization: Bearer",
    "Authorization: Bearer \xff\xfe",
    "Authorization: Basic \xe2\x82",
    "Origin: http://127.0.0.1:evil",
    "Origin: null",
    "Cookie: " + "a=b; " * 500,
    "MCP-Protocol-Version: \xff",
    "MCP-Protocol-Version: 2026-13-45",
    "Mcp-Session-Id: ../../\xff",
    "Last-Event-ID: " + "9" * 400,
    "traceparent: 00-" + "z" * 32 + "-" + "z" * 16 + "-01",
    "Expect: 100-continue",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x",
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x",
    "Range: bytes=9-1",
)
NO_HTTP = (
    b"\x00" * 100,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://other/healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n",
    b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
)
"""Some of it is HTTP, but says two things at once, or nothing."""


def odd_requests(paths: tuple[str, ...], host: str, *headers: str) -> Iterator[bytes]:
    """Each method at each path, each nasty path, each odd header, and what is no HTTP; `headers` go with the rest."""
    for path in paths:
        for method in METHODS:
            yield _request(method, path, host, *JSON, *headers)
        for odd in ODD_HEADERS:
            yield _request("POST", path, host, odd, *headers)
            yield _request("GET", path, host, odd, *headers)
        for nasty in NASTY:
            yield _request("GET", f"{path}/{nasty}", host, *headers)
            yield _request("POST", f"{path}?{nasty}={nasty}", host, *JSON, *headers)
    yield from NO_HTTP


def status_of(connect: Callable[[], socket.socket], request: bytes) -> int | None:
    """The status of the answer; None where the connection is closed without one."""
    with connect() as connection:
        connection.settimeout(ANSWER_WITHIN_S)
        connection.sendall(request)
        line = b""
        while b"\r\n" not in line and (data := connection.recv(4_096)):
            line += data
    return int(line.split(b" ", 2)[1]) if line else None


def to_port(port: int) -> Callable[[], socket.socket]:
    """Connects to a port of loopback."""
    return lambda: socket.create_connection(("127.0.0.1", port), timeout=ANSWER_WITHIN_S)


def to_socket(path: str) -> Callable[[], socket.socket]:
    """Connects to a Unix socket."""

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        return connection

    return connect


def _request(method: str, path: str, host: str, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(BODY)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + BODY

"""Ask a server over its own protocol whether it serves; no client library, no exception for "not yet"."""

import socket
import struct
from pathlib import Path

TIMEOUT_S = 2.5
POSTGRES_PROTOCOL_3 = 196608


def postgres_answers(host: str, port: int) -> bool:
    """True when PostgreSQL asks for authentication; it sends an error while it starts or recovers."""
    body = struct.pack("!I", POSTGRES_PROTOCOL_3) + b"user\0probe\0database\0postgres\0\0"
    return _ask(host, port, struct.pack("!I", len(body) + 4) + body, size=1) == b"R"


def redis_answers(host: str, port: int) -> bool:
    """True when Redis replies to PING, or asks for the password first; not while it loads its data."""
    return _ask(host, port, b"PING\r\n", size=5) in (b"+PONG", b"-NOAU")


def nats_answers(host: str, port: int) -> bool:
    """True when NATS greets and its JetStream is on."""
    return b'"jetstream":true' in _ask(host, port, b"", size=4096)


def http_ready(address: tuple[str, int] | Path) -> bool:
    """True when `GET /readyz` at a (host, port) or Unix socket gives 200."""
    request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return _exchange(address, request, size=12).endswith(b" 200")


def _ask(host: str, port: int, question: bytes, size: int) -> bytes:
    return _exchange((host, port), question, size)


def _exchange(address: tuple[str, int] | Path, question: bytes, size: int) -> bytes:
    try:
        with _connect(address) as connection:
            connection.sendall(question)
            return connection.recv(size)
    except OSError:
        return b""


def _connect(address: tuple[str, int] | Path) -> socket.socket:
    if isinstance(address, tuple):
        return socket.create_connection(address, timeout=TIMEOUT_S)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT_S)
    try:
        connection.connect(str(address))
    except OSError:
        connection.close()
        raise
    return connection

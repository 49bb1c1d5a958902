"""Ask a server over its own protocol whether it serves; no client library, no exception for "not yet"."""

import socket
import struct

TIMEOUT_S = 1.0
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


def _ask(host: str, port: int, question: bytes, size: int) -> bytes:
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_S) as connection:
            connection.sendall(question)
            return connection.recv(size)
    except OSError:
        return b""

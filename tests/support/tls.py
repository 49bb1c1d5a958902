"""TLS for tests: an authority, its certificates as files, and TLS in front of servers that have none built in."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

LOCAL = "localhost"
CHUNK = 65_536
# How a PostgreSQL client asks for TLS: the length of the message, and a number that is no protocol version.
SSL_REQUEST_BYTES = 8


@dataclass(frozen=True)
class Certificate:
    """A certificate with its chain, and its key, as files."""

    chain: str
    key: str


class Authority:
    """A certificate authority; its files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._ca = trustme.CA()
        self.file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.file)

    def issue(self, name: str = LOCAL) -> Certificate:
        """A certificate for this name, for a server or a client."""
        issued = self._ca.issue_cert(name)
        chain, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        issued.private_key_pem.write_to_path(str(key))
        chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        return Certificate(str(chain), str(key))


def server_context(own: Certificate, callers: Authority | None = None) -> ssl.SSLContext:
    """What a server shows, and whose certificates it asks for."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own.chain, own.key)
    if callers is not None:
        context.load_verify_locations(callers.file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def in_front_of(port: int, context: ssl.SSLContext, *, asked_first: bool = False) -> AsyncGenerator[int]:
    """The port of a TLS endpoint that hands on to a plain one; `asked_first` as PostgreSQL's clients do."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(OSError, asyncio.IncompleteReadError):
            if asked_first:
                await reader.readexactly(SSL_REQUEST_BYTES)
                writer.write(b"S")
                await writer.start_tls(context)
            await _join(reader, writer, port)
        writer.close()
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=None if asked_first else context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    back_reader, back_writer = await asyncio.open_connection("127.0.0.1", port)
    both = [asyncio.create_task(_copy(reader, back_writer)), asyncio.create_task(_copy(back_reader, writer))]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        back_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()

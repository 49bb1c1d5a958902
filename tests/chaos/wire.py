"""The network: a proxy that can stall or cut, before NATS for each worker, and a balancer before the orchestrators."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from devstack.environments import HOST

CHUNK_BYTES = 65_536
LOOK_EVERY_S = 0.5
LOOK_WITHIN_S = 1.0
REQUEST = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Wire:
    """One listening port whose connections lead to one of `targets`."""

    def __init__(self, port: int, targets: Sequence[int]) -> None:
        self.port = port
        self._targets = list(targets)
        self._open = asyncio.Event()
        self._open.set()
        self._is_cut = False
        self._pipes: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, HOST, self.port)

    async def close(self) -> None:
        """Break everything, for good."""
        self.cut()
        if self._server is not None:
            self._server.close()

    def stall(self) -> None:
        """Let nothing pass, and break nothing."""
        self._open.clear()

    def cut(self) -> None:
        """Break all connections, and each new one."""
        self._is_cut = True
        for pipe in self._pipes:
            pipe.cancel()

    def mend(self) -> None:
        """Let everything pass."""
        self._is_cut = False
        self._open.set()

    def prefer(self, targets: Sequence[int]) -> None:
        """New connections lead there, to the first that takes them."""
        self._targets = list(targets)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = asyncio.current_task()
        assert pipe is not None
        self._pipes.add(pipe)
        try:
            if not self._is_cut:
                await self._joined(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._pipes.discard(pipe)
            _abort(writer)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._reach()
        try:
            ways = [
                asyncio.create_task(self._pump(reader, far_writer)),
                asyncio.create_task(self._pump(far_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            _abort(far_writer)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for port in self._targets:
            with suppress(OSError):
                return await asyncio.open_connection(HOST, port)
        raise ConnectionRefusedError(f"nobody listens at any of {self._targets}")

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._open.wait()
                writer.write(data)
                await writer.drain()


async def balance(wire: Wire, ports: Sequence[int]) -> None:
    """Lead new connections to replicas that say that they are ready, in turn; runs until cancelled."""
    turn = 0
    while True:
        ready = await asyncio.gather(*(_is_ready(port) for port in ports))
        turn += 1
        order = [*ports[turn % len(ports) :], *ports[: turn % len(ports)]]
        wire.prefer(sorted(order, key=lambda port: not ready[ports.index(port)]))
        await asyncio.sleep(LOOK_EVERY_S)


async def _is_ready(port: int) -> bool:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(LOOK_WITHIN_S):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(REQUEST)
                return b" 200" in await reader.readline()
            finally:
                _abort(writer)
    return False


def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()

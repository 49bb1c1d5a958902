"""Repeats what was published: later, in another order, and under message ids that NATS has not seen."""

import asyncio
from collections import deque
from contextlib import suppress
from random import Random

from nats.aio.client import Client
from nats.aio.msg import Msg

from devstack.bus.local import write_credentials
from devstack.environments import World
from servicekit.bus.client import LastingClient
from tests.support.confined import all_rights

SUBJECTS = ("worker.*.*", "worker.*.*.*", "manager.question.*", "event.*.*")
UNSTORED = ("worker.heartbeat.",)
KEPT = 2_000
EVERY_S = 0.05
AT_ONCE = 6
RECONNECT_S = 1


class Echo:
    """Listens all the time, and repeats while it is told to."""

    def __init__(self, world: World, seed: int) -> None:
        self._server = world.endpoints.nats
        # Nobody in earnest may say what others said: this is somebody of the platform's account who may do all.
        self._credentials = world.layout.bus / "echo.creds"
        write_credentials(self._credentials, all_rights(world.layout.bus))
        self._random = Random(f"echo {seed}")
        self._heard: deque[Msg] = deque(maxlen=KEPT)
        self._loud = asyncio.Event()
        self._client: Client | None = None
        self.repeated = 0

    def begin(self) -> None:
        """Repeat from now on."""
        self._loud.set()

    def end(self) -> None:
        """Be quiet."""
        self._loud.clear()

    async def run(self) -> None:
        """Listen and repeat until cancelled."""

        async def quiet(_: Exception) -> None:
            return

        client = LastingClient()
        await client.connect(
            f"nats://{self._server.host}:{self._server.port}",
            user_credentials=str(self._credentials),
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_S,
            error_cb=quiet,
        )
        try:
            for subject in SUBJECTS:
                await client.subscribe(subject, cb=self._hear)
            while True:
                await self._loud.wait()
                await self._repeat(client)
                await asyncio.sleep(EVERY_S)
        finally:
            with suppress(Exception):
                await client.close()

    async def _hear(self, message: Msg) -> None:
        stored = bool(message.headers) and not message.subject.startswith(UNSTORED)
        if stored and "Mews-Chaos" not in (message.headers or {}):
            self._heard.append(message)

    async def _repeat(self, client: Client) -> None:
        """Some of what was heard, the oldest and the newest alike."""
        if not client.is_connected:
            return
        for message in self._random.sample(self._heard, min(AT_ONCE, len(self._heard))):
            self.repeated += 1
            headers = {**(message.headers or {}), "Nats-Msg-Id": f"echo-{self.repeated}", "Mews-Chaos": "echo"}
            await client.publish(message.subject, message.data, headers=headers)

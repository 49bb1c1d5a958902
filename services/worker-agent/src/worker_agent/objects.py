"""The object store: artifacts and checkpoints, kept by JetStream beyond the life of any worker."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha256
from io import BytesIO

import nats.errors
from nats.js.api import ObjectMeta
from nats.js.errors import NotFoundError, ObjectDeletedError, ObjectNotFoundError

from contracts.events.deliverables import StoredObject
from servicekit.bus import Bus
from worker_agent.errors import ObjectsUnavailable

TIMEOUT_S = 60.0
NOTHING = (NotFoundError, ObjectDeletedError, ObjectNotFoundError)


class JetStreamObjects:
    """Buckets as `contracts.streams.BUCKETS` names them; the services declare them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def put(self, bucket: str, key: str, content: bytes, media_type: str) -> StoredObject:
        """Keep content under a key; the same key again replaces it. Raises ObjectsUnavailable."""
        async with self._answering():
            store = await self._bus.js.object_store(bucket)
            await store.put(key, content, ObjectMeta(name=key, headers={"content-type": media_type}))
        digest = f"sha256:{sha256(content).hexdigest()}"
        return StoredObject(bucket=bucket, key=key, size_bytes=len(content), digest=digest, media_type=media_type)

    async def get(self, bucket: str, key: str) -> bytes | None:
        """The content of a key; None when there is none. Raises ObjectsUnavailable."""
        async with self._answering():
            store = await self._bus.js.object_store(bucket)
            try:
                content = BytesIO()
                await store.get(key, writeinto=content)
                return content.getvalue()
            except NOTHING:
                return None
        return None

    @asynccontextmanager
    async def _answering(self) -> AsyncGenerator[None]:
        if not self._bus.connected:
            raise ObjectsUnavailable("the bus is away, and the object store with it; try again later")
        try:
            async with asyncio.timeout(TIMEOUT_S):
                yield
        except (nats.errors.Error, OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            raise ObjectsUnavailable(f"the object store does not take or give it: {why}; try again later") from error

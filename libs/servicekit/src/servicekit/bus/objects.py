"""Objects that outlive a worker, in buckets of JetStream: what each worker keeps lies under its own subjects.

Content lies in parts, each the last message of a subject of its own, so nothing needs to be purged. A key has two
slots: a new version goes into the one that does not count, and counts once its description is written.
"""

import asyncio
from datetime import datetime
from hashlib import sha256
from typing import Annotated

import nats.errors
import orjson
from nats.aio.msg import Msg
from pydantic import Field

from contracts import subjects
from contracts.base import Count, Model, UtcTime
from contracts.streams import Bucket
from servicekit.bus.connection import Bus
from servicekit.bus.publishing import Outgoing, publish_batches
from servicekit.ids import new_id

PART_BYTES = 128 * 1024
PARTS_AT_ONCE = 16
TIMEOUT_S = 10.0
STATUS, NOT_FOUND = "Status", "404"
STORED_AT = "Nats-Time-Stamp"
READS = 3
"""How often content is read that is being replaced meanwhile."""

Owner = str
"""The id of the worker that keeps an object."""


class ObjectsAway(Exception):
    """The store does not take it or give it now."""


class Description(Model):
    """What is known of an object."""

    slot: Annotated[int, Field(ge=0, le=1)] = 0
    parts: Count
    size_bytes: Count
    digest: str
    media_type: str
    stored_at: UtcTime | None = None
    """When the broker stored it; said by the broker alone."""


class Objects:
    """The buckets of `contracts.streams.BUCKETS`. Everything here raises ObjectsAway."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def put(self, bucket: Bucket, owner: Owner, key: str, content: bytes, media_type: str) -> Description:
        """Keep content under a key; the same key again replaces it."""
        before = await self.find(bucket, owner, key)
        parts = [content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES)]
        described = Description(
            slot=1 - before.slot if before else 0,
            parts=len(parts),
            size_bytes=len(content),
            digest=digest_of(content),
            media_type=media_type,
        )
        chunks = [
            _message(subjects.object_chunk(bucket.name, owner, key, described.slot, number), part)
            for number, part in enumerate(parts)
        ]
        await self._store(bucket, chunks)
        await self._store(bucket, [_message(subjects.object_meta(bucket.name, owner, key), described.to_json())])
        return described

    async def find(self, bucket: Bucket, owner: Owner, key: str) -> Description | None:
        """What is known of an object; None when there is none."""
        found = await self._last(bucket, subjects.object_meta(bucket.name, owner, key))
        if found is None:
            return None
        stored_at = (found.headers or {}).get(STORED_AT)
        at = datetime.fromisoformat(stored_at) if stored_at else None
        return Description.model_validate_json(found.data).model_copy(update={"stored_at": at})

    async def part(self, bucket: Bucket, owner: Owner, key: str, slot: int, number: int) -> bytes | None:
        """One part of its content; None when it is not there."""
        found = await self._last(bucket, subjects.object_chunk(bucket.name, owner, key, slot, number))
        return None if found is None else found.data

    async def get(self, bucket: Bucket, owner: Owner, key: str) -> bytes | None:
        """The whole content; None when there is none."""
        for _ in range(READS):
            described = await self.find(bucket, owner, key)
            if described is None:
                return None
            content = await self._content(bucket, owner, key, described)
            if content is not None and digest_of(content) == described.digest:
                return content
        raise ObjectsAway(f"{bucket.name}/{key} is damaged, or is being replaced all the time")

    async def _content(self, bucket: Bucket, owner: Owner, key: str, described: Description) -> bytes | None:
        content = bytearray()
        for first in range(0, described.parts, PARTS_AT_ONCE):
            numbers = range(first, min(first + PARTS_AT_ONCE, described.parts))
            parts = await asyncio.gather(*(self.part(bucket, owner, key, described.slot, number) for number in numbers))
            for part in parts:
                if part is None:
                    return None
                content += part
        return bytes(content)

    async def _store(self, bucket: Bucket, messages: list[Outgoing]) -> None:
        for first in range(0, len(messages), PARTS_AT_ONCE):
            stored = await publish_batches(self._bus, messages[first : first + PARTS_AT_ONCE])
            if not all(stored):
                raise ObjectsAway(f"the bucket {bucket.name} does not take it: the broker is away, or it is full")

    async def _last(self, bucket: Bucket, subject: str) -> Msg | None:
        """The last message of a subject. The subject is in the request's: so NATS can tell whose it is."""
        api = f"$JS.API.DIRECT.GET.{bucket.stream}.{subject}"
        try:
            answer = await self._bus.request(api, b"", TIMEOUT_S)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            raise ObjectsAway(f"the bucket {bucket.name} does not answer: {why}") from error
        return None if _status(answer) == NOT_FOUND else _checked(bucket, answer)


def digest_of(content: bytes) -> str:
    """The digest by which content is checked."""
    return f"sha256:{sha256(content).hexdigest()}"


def _message(subject: str, payload: bytes) -> Outgoing:
    # A new id for each: to write the same content again is no repeat, it renews its age.
    return Outgoing(subject, new_id("object"), payload)


def _status(answer: Msg) -> str | None:
    return (answer.headers or {}).get(STATUS)


def _checked(bucket: Bucket, answer: Msg) -> Msg:
    status = _status(answer)
    if status is not None:
        raise ObjectsAway(f"the bucket {bucket.name} answers {orjson.dumps(answer.headers).decode()}")
    return answer

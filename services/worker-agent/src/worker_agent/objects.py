"""The object store: artifacts and checkpoints, kept by JetStream beyond the life of any worker."""

import binascii
from base64 import b64decode
from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

from pydantic import ValidationError

from contracts import subjects
from contracts.base import Model
from contracts.events.deliverables import StoredObject
from contracts.reports import Report
from contracts.rpc import RPCS, CheckpointFound, CheckpointPart, FindCheckpoint, ReadCheckpoint
from contracts.streams import BUCKETS
from servicekit.bus import Bus
from servicekit.bus.objects import PART_BYTES, Objects, ObjectsAway, digest_of
from servicekit.bus.rpc import RpcError, call
from worker_agent.domain import AttemptKey
from worker_agent.errors import CheckpointDamaged, ObjectsUnavailable

ModelT = TypeVar("ModelT", bound=Model)

TIMEOUT_S = 10.0
NAMED = {bucket.name: bucket for bucket in BUCKETS}


class JetStreamObjects:
    """Buckets as `contracts.streams.BUCKETS` names them; the services declare them.

    A worker writes and reads what is its own. What another worker has saved of the same task comes by the orchestrator.
    """

    def __init__(self, bus: Bus, worker_id: str) -> None:
        self._bus = bus
        self._objects = Objects(bus)
        self._worker_id = worker_id

    async def put(self, bucket: str, key: str, content: bytes, media_type: str) -> StoredObject:
        """Keep content under a key; the same key again replaces it. Raises ObjectsUnavailable."""
        with self._answering():
            kept = await self._objects.put(NAMED[bucket], self._worker_id, key, content, media_type)
        return StoredObject(
            bucket=bucket, key=key, size_bytes=kept.size_bytes, digest=kept.digest, media_type=media_type
        )

    async def get(self, bucket: str, key: str) -> bytes | None:
        """What this worker keeps under a key; None when there is nothing. Raises ObjectsUnavailable."""
        with self._answering():
            return await self._objects.get(NAMED[bucket], self._worker_id, key)

    async def earlier_checkpoint(self, key: AttemptKey, name: str, most_bytes: int) -> bytes | None:
        """What the latest attempt before this one saved under a name; None when none did.

        Raises ObjectsUnavailable, CheckpointDamaged.
        """
        asked = FindCheckpoint(task_id=key.task_id, attempt=key.attempt, name=name)
        found = await self._ask("find_checkpoint", asked, CheckpointFound)
        if found.saved_by_attempt is None:
            return None
        if found.size_bytes > most_bytes or found.parts > most_bytes // PART_BYTES + 1:
            raise CheckpointDamaged(f"it is larger than the {most_bytes} bytes that a checkpoint may have")
        content = await self._read(asked, found)
        if digest_of(content) != found.digest:
            raise CheckpointDamaged("its content is not what was saved")
        return content

    async def _read(self, asked: FindCheckpoint, found: CheckpointFound) -> bytes:
        content = bytearray()
        for number in range(found.parts):
            wanted = ReadCheckpoint(
                task_id=asked.task_id,
                attempt=asked.attempt,
                name=asked.name,
                saved_by_attempt=found.saved_by_attempt or 0,
                slot=found.slot,
                part=number,
            )
            part = await self._ask("read_checkpoint", wanted, CheckpointPart)
            content += _decoded(part.content_base64)
        return bytes(content)

    async def _ask(self, verb: str, request: Report, answer: type[ModelT]) -> ModelT:
        with self._answering():
            subject = subjects.rpc(RPCS[verb].service, verb, self._worker_id)
            return answer.model_validate_json(await call(self._bus, subject, request.to_json(), TIMEOUT_S))

    @contextmanager
    def _answering(self) -> Generator[None]:
        if not self._bus.connected:
            raise ObjectsUnavailable("the bus is away, and the object store with it; try again later")
        try:
            yield
        except RpcError as error:
            raise ObjectsUnavailable(f"the orchestrator does not give it: {error.detail}; try again later") from error
        except (ObjectsAway, ValidationError) as error:
            raise ObjectsUnavailable(f"the object store does not take or give it: {error}; try again later") from error


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error as error:
        raise CheckpointDamaged("a part of it cannot be read") from error

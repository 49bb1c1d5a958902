"""The records of a segment: how they are framed, and how they are told from a torn end."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

from worker_agent.errors import SpoolUnavailable

FRAME = struct.Struct("<II")
HEADER = struct.Struct("<BBQ")
EVENT = struct.Struct("<BQH")
SEAL = struct.Struct("<BQQI")
ACKNOWLEDGEMENT = struct.Struct("<BQ")

VERSION = 1
HEADER_TYPE, EVENT_TYPE, SEAL_TYPE, ACKNOWLEDGEMENT_TYPE = range(1, 5)
MAX_RECORD_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Header:
    """First record of a segment: under which name its batches are sealed, the next number that one gets, and the
    run of the machine (its boot id) in which it was written.
    """

    producer: str
    next_batch: int
    boot: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event: its subject, when it was spooled (ms since 1970), and its JSON."""

    subject: str
    at_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """A batch: all events of a subject not sealed before, up to the one at position `last`."""

    batch: int
    last: int
    count: int
    subject: str


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The broker has the batch whose last event is at this position."""

    last: int


Record = Header | StoredEvent | Seal | Acknowledgement


def encode(record: Record) -> bytes:
    """The framed bytes of a record: length, checksum, type, fields."""
    match record:
        case StoredEvent(subject, at_ms, payload):
            name = subject.encode()
            return _frame(EVENT.pack(EVENT_TYPE, at_ms, len(name)) + name + payload)
        case Seal(batch, last, count, subject):
            return _frame(SEAL.pack(SEAL_TYPE, batch, last, count) + subject.encode())
        case Acknowledgement(last):
            return _frame(ACKNOWLEDGEMENT.pack(ACKNOWLEDGEMENT_TYPE, last))
        case Header(producer, next_batch, boot):
            names = f"{producer}\n{boot}".encode()
            return _frame(HEADER.pack(HEADER_TYPE, VERSION, next_batch) + names)


def decode_all(data: bytes | memoryview) -> Iterator[tuple[int, int, Record]]:
    """Each whole record with its offset and framed size; stops at the first that is torn or damaged."""
    offset, view = 0, memoryview(data)
    while offset + FRAME.size <= len(view):
        length, checksum = FRAME.unpack_from(view, offset)
        body = view[offset + FRAME.size : offset + FRAME.size + length]
        if not 0 < length <= MAX_RECORD_BYTES or len(body) < length or crc32(body) != checksum:
            return
        yield offset, FRAME.size + length, _decode(bytes(body))
        offset += FRAME.size + length


def payload_of(frame: bytes) -> bytes | None:
    """The JSON in the framed bytes of an event; None when the disk gave back something else."""
    # Not by `decode_all`: each event goes through here on its way to the bus.
    if len(frame) < FRAME.size + EVENT.size:
        return None
    length, checksum = FRAME.unpack_from(frame)
    body = frame[FRAME.size : FRAME.size + length]
    if len(body) < max(length, EVENT.size) or body[0] != EVENT_TYPE or crc32(body) != checksum:
        return None
    _, _, size = EVENT.unpack_from(body)
    return body[EVENT.size + size :]


def _frame(body: bytes) -> bytes:
    return FRAME.pack(len(body), crc32(body)) + body


def _decode(body: bytes) -> Record:
    kind = body[0]
    if kind == EVENT_TYPE:
        _, at_ms, size = EVENT.unpack_from(body)
        end = EVENT.size + size
        return StoredEvent(body[EVENT.size : end].decode(), at_ms, body[end:])
    if kind == SEAL_TYPE:
        _, batch, last, count = SEAL.unpack_from(body)
        return Seal(batch, last, count, body[SEAL.size :].decode())
    if kind == ACKNOWLEDGEMENT_TYPE:
        return Acknowledgement(ACKNOWLEDGEMENT.unpack_from(body)[1])
    _, version, next_batch = HEADER.unpack_from(body)
    if kind != HEADER_TYPE or version != VERSION:
        raise SpoolUnavailable(f"the spool was written by another version (record {kind}, version {version})")
    producer, boot = body[HEADER.size :].decode().split("\n")
    return Header(producer, next_batch, boot)

"""Ids that come out the same when the same output is read again: so a line told twice is one event."""

from datetime import datetime
from hashlib import blake2b
from uuid import UUID

VERSION_7, VARIANT = 0x7 << 76, 0b10 << 62
LOW_BITS = 62
END_BITS, INDEX_BITS, PROCESS_BITS = 36, 12, 26


def output_event_id(process_id: str, end: int, index: int, seen_at: datetime) -> str:
    """A UUIDv7 of the moment when the output was seen and of where in it it ends: such ids sort as the output does."""
    place = _bits(end, END_BITS) << INDEX_BITS | _bits(index, INDEX_BITS)
    process = int.from_bytes(blake2b(process_id.encode(), digest_size=8).digest(), "big")
    tail = place << PROCESS_BITS | _bits(process, PROCESS_BITS)
    ms = _bits(int(seen_at.timestamp() * 1000), 48)
    return str(UUID(int=ms << 80 | VERSION_7 | (tail >> LOW_BITS) << 64 | VARIANT | _bits(tail, LOW_BITS)))


def _bits(value: int, many: int) -> int:
    return value & ((1 << many) - 1)

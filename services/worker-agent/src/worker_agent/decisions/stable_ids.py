"""Ids that come out the same when the same output is read again: so a line told twice is one event."""

from datetime import datetime
from hashlib import blake2b
from uuid import UUID

VERSION_7, VARIANT = 0x7 << 76, 0b10 << 62
RANDOM_A, RANDOM_B = (1 << 12) - 1, (1 << 62) - 1


def output_event_id(process_id: str, end: int, index: int, seen_at: datetime) -> str:
    """A UUIDv7 of the moment when the output was seen, and of where in the output it ends."""
    digest = int.from_bytes(blake2b(f"{process_id}:{end}:{index}".encode(), digest_size=16).digest(), "big")
    ms = int(seen_at.timestamp() * 1000) & ((1 << 48) - 1)
    return str(UUID(int=ms << 80 | VERSION_7 | (digest >> 64 & RANDOM_A) << 64 | VARIANT | digest & RANDOM_B))

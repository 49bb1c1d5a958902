"""Answers that were given lately."""

from typing import Protocol


class AnswerCache(Protocol):
    """Answers that were given lately. What cannot be reached is a miss, never an error."""

    async def get(self, key: str) -> bytes | None:
        """What was kept under a key."""
        ...

    async def put(self, key: str, answer: bytes) -> None:
        """Keep an answer for a while."""
        ...

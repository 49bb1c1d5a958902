"""What the fleet is asked to do, from the seed alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

ENOUGH = 20
"""Attempts of a task that only chaos can make fail."""
HANG_MS = 6_000


class Behaviour(StrEnum):
    """How the agent of a task behaves."""

    steady = "steady"
    """Reports step by step, and completes."""
    asker = "asker"
    """Asks the manager in each step, and waits in that very call."""
    patient_asker = "patient_asker"
    """Asks without waiting, and looks for the answer again and again."""
    checkpointer = "checkpointer"
    """Goes on from its last checkpoint."""
    crasher = "crasher"
    """Fails in its first attempt."""
    suicide = "suicide"
    """Kills itself in its first attempt."""
    failing = "failing"
    """Fails in each attempt."""
    hanger = "hanger"
    """Never ends and ignores TERM, with children: the time limit ends it."""
    cancelled = "cancelled"
    """Never ends: the manager cancels it."""
    stubborn = "stubborn"
    """Is cancelled, ignores TERM, and has children."""
    forker = "forker"
    """Leaves children behind, one in a session of its own."""


SHARES = {
    Behaviour.steady: 44,
    Behaviour.asker: 8,
    Behaviour.patient_asker: 6,
    Behaviour.checkpointer: 12,
    Behaviour.crasher: 6,
    Behaviour.suicide: 3,
    Behaviour.failing: 3,
    Behaviour.hanger: 3,
    Behaviour.cancelled: 5,
    Behaviour.stubborn: 4,
    Behaviour.forker: 6,
}
TO_BE_CANCELLED = frozenset({Behaviour.cancelled, Behaviour.stubborn})


@dataclass(frozen=True, slots=True)
class Errand:
    """One task: when it is assigned, in s from the start, and what its agent does."""

    key: str
    """Its idempotency key."""
    at_s: float
    behaviour: Behaviour
    steps: int
    pause_s: float
    max_attempts: int
    cancel_after_s: float | None = None

    def for_agent(self, journal: str) -> dict[str, Any]:
        """What the agent is told."""
        return {"behaviour": self.behaviour, "steps": self.steps, "pause_s": self.pause_s, "journal": journal}


def make_errands(seed: int, tasks: int, until_s: float, salt: str = "") -> Sequence[Errand]:
    """So many tasks, spread over the time; every behaviour is there."""
    random = Random(f"errands {seed}")
    kinds = [*Behaviour, *random.choices(list(SHARES), list(SHARES.values()), k=max(0, tasks - len(Behaviour)))][:tasks]
    random.shuffle(kinds)
    moments = sorted(random.uniform(0, until_s * 0.95) for _ in kinds)
    return [
        _errand(random, f"chaos-{salt}{seed}-{number}", at_s, kind)
        for number, (at_s, kind) in enumerate(zip(moments, kinds, strict=True), 1)
    ]


def _errand(random: Random, key: str, at_s: float, behaviour: Behaviour) -> Errand:
    most = {Behaviour.failing: 2, Behaviour.hanger: 1}.get(behaviour, ENOUGH)
    cancel = round(random.uniform(0.5, 6), 2) if behaviour in TO_BE_CANCELLED else None
    pause_s = round(random.uniform(0.1, 0.8), 2)
    return Errand(key, round(at_s, 2), behaviour, random.randint(2, 6), pause_s, most, cancel)

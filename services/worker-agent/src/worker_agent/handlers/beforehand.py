"""What commands said of attempts before their assignments were here: commands and assignments come in no order."""

from collections.abc import Iterable, KeysView, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from worker_agent.domain import AttemptKey

MOST = 1_000
PAUSED = "paused by the manager"
"""The reason of a pause for which none is given, or kept."""

ValueT = TypeVar("ValueT")


class Beforehand:
    """The last attempts that were cancelled, here or not, and those that are to stand still as soon as they come."""

    def __init__(self) -> None:
        self._cancelled: dict[AttemptKey, None] = {}
        self._paused: dict[AttemptKey, str] = {}

    @property
    def cancelled(self) -> KeysView[AttemptKey]:
        """None of these is begun."""
        return self._cancelled.keys()

    @property
    def paused(self) -> Mapping[AttemptKey, str]:
        """These are accepted, and stand still for the reason given."""
        return MappingProxyType(self._paused)

    def recall(self, cancelled: Iterable[AttemptKey], paused: Sequence[AttemptKey], reasons: Sequence[str]) -> None:
        """Know what an earlier run was told; it may have kept fewer reasons than pauses."""
        self._cancelled |= dict.fromkeys(cancelled)
        self._paused |= dict.fromkeys(paused, PAUSED) | dict(zip(paused, reasons, strict=False))

    def cancel(self, key: AttemptKey) -> None:
        """It is not to be begun."""
        _keep(self._cancelled, key, None)

    def pause(self, key: AttemptKey, reason: str) -> None:
        """It is to stand still when it comes."""
        _keep(self._paused, key, reason)

    def resume(self, task_id: str | None, attempt: int | None) -> None:
        """Those of a task need not stand still, or none."""
        for key in list(self._paused):
            if task_id in (None, key.task_id) and attempt in (None, key.attempt):
                del self._paused[key]


def _keep(kept: dict[AttemptKey, ValueT], key: AttemptKey, value: ValueT) -> None:
    kept[key] = value
    while len(kept) > MOST:
        del kept[next(iter(kept))]

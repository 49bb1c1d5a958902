"""What commands said of attempts before their assignments were here: commands and assignments come in no order."""

from collections.abc import Iterable

from worker_agent.domain import AttemptKey

MOST = 1_000


class Beforehand:
    """The last attempts that were cancelled, here or not, and those that are to stand still as soon as they come."""

    def __init__(self) -> None:
        self._cancelled: dict[AttemptKey, None] = {}
        self._paused: dict[AttemptKey, None] = {}

    @property
    def cancelled(self) -> list[AttemptKey]:
        """None of these is begun."""
        return list(self._cancelled)

    @property
    def paused(self) -> list[AttemptKey]:
        """These are accepted, and stand still."""
        return list(self._paused)

    def recall(self, cancelled: Iterable[AttemptKey], paused: Iterable[AttemptKey]) -> None:
        """Know what an earlier run was told."""
        self._cancelled |= dict.fromkeys(cancelled)
        self._paused |= dict.fromkeys(paused)

    def cancel(self, key: AttemptKey) -> None:
        """It is not to be begun."""
        _keep(self._cancelled, key)

    def pause(self, key: AttemptKey) -> None:
        """It is to stand still when it comes."""
        _keep(self._paused, key)

    def resume(self, task_id: str | None, attempt: int | None) -> None:
        """Those of a task need not stand still, or none."""
        for key in self.paused:
            if task_id in (None, key.task_id) and attempt in (None, key.attempt):
                del self._paused[key]


def _keep(kept: dict[AttemptKey, None], key: AttemptKey) -> None:
    kept[key] = None
    for oldest in list(kept)[:-MOST]:
        del kept[oldest]

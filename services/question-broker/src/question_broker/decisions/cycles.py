"""Workers that wait for each other in a circle: found, and broken at the newest request."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open request for collaboration whose worker waits for the answer."""

    question_id: str
    worker_id: str
    task_id: str
    asked_at: datetime
    target_worker: str | None = None
    linked_task_id: str | None = None
    helper_worker: str | None = None
    """Who has taken the linked task; None: nobody yet."""

    @property
    def awaits(self) -> str | None:
        """The worker that must do something first; None: any will do."""
        return self.helper_worker or self.target_worker


@dataclass(frozen=True, slots=True)
class Broken:
    """The request that is closed, and the whole circle, beginning with it."""

    request: Waiting
    circle: tuple[Waiting, ...]


def broken(waiting: Iterable[Waiting]) -> list[Broken]:
    """The newest request of each circle; without them nobody waits in a circle.

    A request that somebody works on waits for that task. One that nobody has taken yet waits for the worker that it
    is meant for, and so for all that this worker waits for.
    """
    left = {one.question_id: one for one in waiting}
    found: list[Broken] = []
    while (circle := _circle(left)) is not None:
        newest = max(circle, key=lambda one: (one.asked_at, one.question_id))
        at = circle.index(newest)
        found.append(Broken(newest, tuple(circle[at:] + circle[:at])))
        del left[newest.question_id]
    return found


def words(found: Broken) -> str:
    """What the worker is told whose request is closed."""
    links = " and ".join(f"{one.worker_id} (task {one.task_id}) waits for {one.awaits}" for one in found.circle)
    return (
        f"nobody was asked, for the wait would never end: {links}. Ask another worker (list_workers shows them) or "
        "leave target_worker out, or go on without help"
    )


def edges(waiting: Iterable[Waiting]) -> dict[str, list[str]]:
    """By request, the requests that must be closed first."""
    waiting = list(waiting)
    by_task, by_worker = _grouped(waiting)
    return {one.question_id: [other.question_id for other in _before(one, by_task, by_worker)] for one in waiting}


def _before(
    one: Waiting, by_task: Mapping[str, Sequence[Waiting]], by_worker: Mapping[str, Sequence[Waiting]]
) -> Sequence[Waiting]:
    if one.helper_worker is not None:
        return by_task.get(one.linked_task_id or "", ())
    return by_worker.get(one.target_worker or "", ())


def _grouped(waiting: Sequence[Waiting]) -> tuple[dict[str, list[Waiting]], dict[str, list[Waiting]]]:
    by_task: dict[str, list[Waiting]] = {}
    by_worker: dict[str, list[Waiting]] = {}
    for one in waiting:
        by_task.setdefault(one.task_id, []).append(one)
        by_worker.setdefault(one.worker_id, []).append(one)
    return by_task, by_worker


def _circle(waiting: Mapping[str, Waiting]) -> list[Waiting] | None:
    """Any circle, each waiting for the next and the last for the first."""
    after = edges(waiting.values())
    done: set[str] = set()
    for start in sorted(waiting):
        if start not in done and (path := _walk(start, after, done)):
            return [waiting[question_id] for question_id in path]
    return None


def _walk(start: str, after: Mapping[str, Sequence[str]], done: set[str]) -> list[str] | None:
    """Depth first from `start`, without recursion, for a path may be long."""
    path, left = [start], [iter(after[start])]
    on_path = {start: 0}
    while path:
        step = next(left[-1], None)
        if step is None:
            done.add(path[-1])
            del on_path[path.pop()]
            left.pop()
        elif step in on_path:
            return path[on_path[step] :]
        elif step not in done:
            on_path[step] = len(path)
            path.append(step)
            left.append(iter(after[step]))
    return None

"""Creating tasks: whatever is asked at the same time goes into one transaction."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from contracts.decided import DecidedKind
from contracts.problems import FieldError
from contracts.tasks import NewTask, TaskState
from orchestrator.decisions.demands import body_hash, demand_key, demand_of, work_key
from orchestrator.decisions.ranking import rank_at
from orchestrator.decisions.retries import RetryPolicy, queue_until
from orchestrator.domain import AttemptRef, NewTaskRow, Traits
from orchestrator.errors import IdempotencyConflict, InvalidTask, OrchestratorError
from orchestrator.handlers.counting import TASKS_CREATED
from orchestrator.handlers.telling import about_task, traits_data
from orchestrator.ports import Said, Session, Store, Wake
from servicekit.clock import Clock
from servicekit.ids import new_id
from servicekit.traces import continued, current_traceparent, shared

MANAGER = "manager"
NUL = "\x00"
MOST_AT_ONCE = 2_000
PATIENT = RetryPolicy()
"""For what another worker asked for: it waits as long as the request is open."""


@dataclass(frozen=True, slots=True)
class Created:
    """A task (the JSON of its TaskView), and whether it was made now or its idempotency key was known before."""

    task_id: str
    json: bytes
    is_new: bool


Answer = Created | OrchestratorError


@dataclass(slots=True)
class Order:
    """Tasks that one caller waits for. `keyed`: some of them may have been made before."""

    rows: Sequence[NewTaskRow]
    keyed: bool
    done: asyncio.Future[list[Answer]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Creator:
    """Takes orders and writes them in groups; see `run`."""

    def __init__(self, store: Store, clock: Clock, policy: RetryPolicy, wake: Wake) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._wake = wake
        self._orders: deque[Order] = deque()
        self._has_orders = asyncio.Event()

    async def create(self, task: NewTask) -> Created:
        """Queue a task; returns once it is durable. Raises InvalidTask, IdempotencyConflict."""
        answer = (await self.create_many([task]))[0]
        if isinstance(answer, OrchestratorError):
            raise answer
        return answer

    async def create_many(self, tasks: Sequence[NewTask]) -> list[Answer]:
        """Queue tasks, each accepted or refused on its own; the answers are in order."""
        now = self._clock.now()
        prepared = [_unstorable(task) or prepare(task, now, policy=self._policy) for task in tasks]
        order = Order(
            [row for row in prepared if isinstance(row, NewTaskRow)], any(task.idempotency_key for task in tasks)
        )
        if order.rows:
            self._orders.append(order)
            self._has_orders.set()
            answers = iter(await order.done)
        else:
            answers = iter(list[Answer]())
        return [next(answers) if isinstance(row, NewTaskRow) else row for row in prepared]

    async def run(self) -> None:
        """Write what has been ordered while the last group was written, until cancelled."""
        while True:
            await self._has_orders.wait()
            self._has_orders.clear()
            while self._orders:
                await self._write(self._next_group())

    def _next_group(self) -> list[Order]:
        """The next orders that may be written together: all keyed, or none."""
        group, size = [self._orders.popleft()], 0
        while self._orders and self._orders[0].keyed == group[0].keyed and size < MOST_AT_ONCE:
            group.append(self._orders.popleft())
            size += len(group[-1].rows)
        return group

    async def _write(self, orders: list[Order]) -> None:
        rows = [row for order in orders for row in order.rows]
        try:
            with continued(shared(row.traceparent for row in rows)):
                answers = await self._written(rows)
        except Exception as error:
            await self._write_apart(orders, error)
            return
        self._wake()
        place = 0
        for order in orders:
            _answer(order, answers[place : place + len(order.rows)])
            place += len(order.rows)

    async def _write_apart(self, orders: list[Order], error: Exception) -> None:
        """One caller's order must not spoil the others'."""
        if len(orders) > 1:
            for order in orders:
                await self._write([order])
        elif not orders[0].done.done():
            orders[0].done.set_exception(error)

    async def _written(self, rows: Sequence[NewTaskRow]) -> list[Answer]:
        if any(row.task.idempotency_key for row in rows):
            return await self._written_once(rows)
        await self._store.create(rows, [_told(row).json for row in rows])
        TASKS_CREATED.inc(len(rows))
        return [_created(row) for row in rows]

    async def _written_once(self, rows: Sequence[NewTaskRow]) -> list[Answer]:
        async with self._store.transaction() as session:
            written = await session.insert_tasks(rows)
            session.emit(_told(row) for row in rows if row.task_id in written)
            repeated = [row for row in rows if row.task_id not in written]
            answers = await _repeats(session, repeated) if repeated else {}
        TASKS_CREATED.inc(len(written))
        return [answers.get(row.task_id) or _created(row) for row in rows]


def prepare(task: NewTask, now: datetime, asker: str | None = None, policy: RetryPolicy = PATIENT) -> NewTaskRow:
    """A task as it will be written. `asker`: the worker that asked for it, if one did."""
    requirements_json = task.requirements.to_json().decode() if "requirements" in task.model_fields_set else "{}"
    return NewTaskRow(
        task_id=new_id("task"),
        task=task,
        requirements_json=requirements_json,
        body_hash=body_hash(task, requirements_json) if task.idempotency_key else "",
        demand_key=demand_key(demand_of(task.worker_id, task.requirements, asker)),
        work_key=work_key(task.requirements),
        rank_at=rank_at(task.priority, now),
        created_at=now,
        queue_until=queue_until(policy, task.requirements.limits.queue_ms, now),
        traceparent=current_traceparent(),
    )


def traits_of(row: NewTaskRow) -> Traits:
    """What reports group a new task by."""
    task = row.task
    needs, task_class = task.requirements, task.requirements.free.get("task_class")
    return Traits(
        task.priority.value,
        row.created_at,
        task.estimated_duration_ms,
        needs.repository,
        needs.agent,
        task_class if isinstance(task_class, str) else None,
    )


def view_json(row: NewTaskRow) -> bytes:
    """The JSON of a new task's TaskView."""
    task = row.task
    # Written as TaskView says, but without being one in between: this is half of the cost of accepting a task.
    view = {
        "task_id": row.task_id,
        "description": task.description,
        "status": TaskState.queued,
        "priority": task.priority,
        "created_at": row.created_at,
        "requirements": orjson.Fragment(row.requirements_json),
        "attempt": 0,
        "max_attempts": task.max_attempts,
        "attempts": [],
        "crashes": 0,
    }
    if task.worker_id is not None:
        view["worker_id"] = task.worker_id
    if task.estimated_duration_ms is not None:
        view["estimated_duration_ms"] = task.estimated_duration_ms
    return orjson.dumps(view, option=orjson.OPT_UTC_Z)


async def _repeats(session: Session, rows: Sequence[NewTaskRow]) -> dict[str, Answer]:
    known = await session.tasks_by_key([row.task.idempotency_key or "" for row in rows])
    answers: dict[str, Answer] = {}
    for row in rows:
        key = row.task.idempotency_key or ""
        view, hash_before = known[key]
        same = hash_before == row.body_hash
        answers[row.task_id] = (
            Created(view.task_id, view.to_json(), is_new=False) if same else IdempotencyConflict(key, view.task_id)
        )
    return answers


def _answer(order: Order, answers: list[Answer]) -> None:
    if not order.done.done():
        order.done.set_result(answers)


def _unstorable(task: NewTask) -> InvalidTask | None:
    if NUL not in task.description:
        return None
    return InvalidTask([FieldError(field="description", message="must not contain the NUL character (U+0000)")])


def _told(row: NewTaskRow) -> Said:
    data = traits_data(traits_of(row))
    return about_task(DecidedKind.task_queued, AttemptRef(row.task_id, 0), row.created_at, actor=MANAGER, data=data)


def _created(row: NewTaskRow) -> Created:
    return Created(row.task_id, view_json(row), is_new=True)

"""What arrives on the bus: assignments, commands and answers. Each is on disk here before the broker hears so."""

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from contracts import spans, streams, subjects
from contracts.base import Name
from contracts.batches import Batch
from contracts.commands import Command, CommandAction
from contracts.deadletters import DeadLetterCause
from contracts.questions import Answer
from contracts.tasks import Assignment
from servicekit.bus import BatchConsumer, Bus, Received
from servicekit.logs import get_logger
from servicekit.metrics import DEAD_LETTERS
from servicekit.traces import TRACEPARENT, nearest, span
from worker_agent.handlers.attempts import Attempts
from worker_agent.handlers.commands import Commands


class Told(Command):
    """A command as it comes: a newer platform may know more of them, and those beside one are obeyed all the same."""

    action: Annotated[CommandAction | Name, Field(union_mode="left_to_right")]  # pyright: ignore[reportIncompatibleVariableOverride]


ASSIGNMENT: TypeAdapter[Assignment] = TypeAdapter(Assignment)
MESSAGE: TypeAdapter[Batch[Told] | Batch[Answer]] = TypeAdapter(Batch[Told] | Batch[Answer])
SHOWN = 2_000
ENVIRONMENT = re.compile(r'("env"\s{0,4}:\s{0,4})\{(?:[^"{}]|"(?:[^"\\]|\\.)*+"?)*+\}?')
"""The environment of a task, whose values are secrets, in its JSON."""

log = get_logger(__name__)


class LoggedDeadLetters:
    """A worker has no database: what it cannot read is counted, and told in its log, whole unless it is long, without
    secrets."""

    def __init__(self, service: str, stream: str) -> None:
        self._service = service
        # Shown before there is any: else nobody sees the first one come.
        for cause in DeadLetterCause:
            DEAD_LETTERS.labels(service, stream, cause.value)

    def attend(self, durable: str, again: object) -> None:
        """Nothing is tried again."""

    async def record(
        self,
        stream: str,
        subject: str,
        payload: bytes,
        reason: str,
        headers: Mapping[str, str],
        now: datetime,
        *,
        delivery: str | None = None,
        cause: DeadLetterCause = DeadLetterCause.invalid,
        durable: str | None = None,
        event_id: str | None = None,
    ) -> None:
        """Count and tell it."""
        DEAD_LETTERS.labels(self._service, stream, cause.value).inc()
        text = ENVIRONMENT.sub(r"\1{}", payload.decode(errors="replace"))[:SHOWN]
        told = {"cause": cause.value, "reason": reason, "payload": text, "delivery": delivery}
        log.error("dead_letter", stream=stream, subject=subject, **told)


def assignments(bus: Bus, service: str, worker_id: str, attempts: Attempts) -> Callable[[], Awaitable[None]]:
    """The loop that takes assignments."""

    async def handle(received: list[Received[Assignment]]) -> None:
        for one in received:
            with _accepting(one):
                await attempts.take(one.batch)

    def validate(_subject: str, assignment: Any) -> str | None:
        return None if assignment.worker_id == worker_id else f"it is for {assignment.worker_id}, not {worker_id}"

    letters = LoggedDeadLetters(service, streams.TASKS)
    return BatchConsumer(bus, streams.TASKS, worker_id, ASSIGNMENT, handle, letters, validate=validate).run


def _accepting(one: Received[Assignment]) -> AbstractContextManager[object]:
    """The span in which an assignment is taken, in the trace in which it was sent."""
    assignment = one.batch
    attributes = {
        spans.TASK_ID: assignment.task_id,
        spans.ATTEMPT: assignment.attempt,
        spans.WORKER_ID: assignment.worker_id,
    }
    return span("accept_attempt", attributes=attributes, parent=nearest(one.headers.get(TRACEPARENT)))


def commands_and_answers(
    bus: Bus, service: str, worker_id: str, attempts: Attempts, commands: Commands
) -> Callable[[], Awaitable[None]]:
    """The loop that obeys commands and hands answers on."""

    async def handle(received: list[Received[Any]]) -> None:
        for one in received:
            for item in one.batch.events:
                if isinstance(item, Command):
                    await commands.obey(item)
                else:
                    await attempts.deliver(item)

    def validate(subject: str, batch: Any) -> str | None:
        kind = Command if subject == subjects.command(worker_id) else Answer
        wrong = [item for item in batch.events if not isinstance(item, kind) or item.worker_id != worker_id]
        return f"{len(wrong)} of its items are not for {subject}" if wrong else None

    letters = LoggedDeadLetters(service, streams.COMMANDS)
    return BatchConsumer(bus, streams.COMMANDS, worker_id, MESSAGE, handle, letters, validate=validate).run

"""Addresses of the resources."""

import re

from contracts.base import ID_PATTERN

TASK = "mews://tasks/{task_id}"
STREAMS = "mews://tasks/{task_id}/streams"
WORKER = "mews://workers/{worker_id}"
QUESTIONS = "mews://questions"

_ID = ID_PATTERN.strip("^$")
_OF_TASK = re.compile(f"mews://tasks/({_ID})(?:/streams)?")
_OF_WORKER = re.compile(f"mews://workers/{_ID}")


def task(task_id: str) -> str:
    """Where a task is read."""
    return TASK.format(task_id=task_id)


def streams(task_id: str) -> str:
    """Where the last entries of a task's stream are read."""
    return STREAMS.format(task_id=task_id)


def worker(worker_id: str) -> str:
    """Where a worker is read."""
    return WORKER.format(worker_id=worker_id)


def task_in(uri: str) -> str | None:
    """The task that is read at `uri`, itself or its streams."""
    match = _OF_TASK.fullmatch(uri)
    return match[1] if match else None


def is_known(uri: str) -> bool:
    """Whether `uri` has the form of a resource of the gateway; there may still be no such task or worker."""
    return uri == QUESTIONS or task_in(uri) is not None or _OF_WORKER.fullmatch(uri) is not None

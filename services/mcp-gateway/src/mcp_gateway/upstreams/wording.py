"""A service's errors and the gateway's parameters, in the words of the other side."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx
from pydantic import BaseModel

from mcp_gateway.domain.inputs import (
    Entities,
    Ranged,
)
from mcp_gateway.errors import NotFound, Refused, Unavailable
from servicekit.client import RemoteError, ServiceUnavailable


@contextmanager
def told(missing: str | None = None) -> Generator[None]:
    """Tell a client's errors as the gateway's own; `missing` is what to say when there is no such thing."""
    try:
        yield
    except ServiceUnavailable as error:
        raise Unavailable(error.service, error.detail) from error
    except RemoteError as error:
        raise retold(error, missing) from error
    except httpx.TransportError as error:
        raise Unavailable("", f"the connection broke: {error or repr(error)}") from error


def retold(error: RemoteError, missing: str | None) -> NotFound | Refused | Unavailable:
    """The gateway's error for a service's refusal."""
    if error.category == "not_found" and error.code != "route_not_found":
        return NotFound(missing or error.detail)
    if error.category in {"unavailable", "internal", "not_found"}:
        return Unavailable(error.service, f"{error.service} could not answer ({error.detail})")
    return Refused(error.code, error.detail, errors=error.errors, category=error.category)


def params(query: BaseModel) -> dict[str, object]:
    """What a tool was given, as query parameters."""
    return {name: value or None for name, value in query.model_dump(mode="json", exclude_none=True).items()}


def report_params(query: Ranged) -> dict[str, object]:
    """The same of a report: ids together, and the time that is meant."""
    asked = params(query) | {"time_range": query.period}
    if isinstance(query, Entities):
        asked |= {"entity_id": query.ids or None, "entity_ids": None}
    return asked


def no_task(task_id: str) -> str:
    """No task of this id, and where to look."""
    return f"no task {task_id}; list_tasks shows the tasks there are"


def no_question(question_id: str) -> str:
    """No question of this id, and where to look."""
    return f"no question {question_id}; list_questions shows the open ones"


def no_rule(rule_id: str) -> str:
    """No rule of this id, and where to look."""
    return f"no rule {rule_id}; manage_rules with action list shows the rules there are"


def no_worker(worker_id: str) -> str:
    """No worker of this id, and where to look."""
    return f"no worker {worker_id}; manage_workers with action list shows the workers there are"

"""How much a worker may ask for: requests beyond that are refused at once."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.questions import QuestionKind, RequestDecision, Ruling
from question_broker.domain import Question

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Quotas:
    """Most requests for resources, permission and collaboration."""

    open_per_attempt: int
    per_worker_hour: int


@dataclass(frozen=True, slots=True)
class Used:
    """Requests that there are already: open ones by (task id, attempt), those of the last hour by worker."""

    open_by_attempt: Mapping[tuple[str, int], int]
    hourly_by_worker: Mapping[str, int]


def beyond(requests: Iterable[Question], used: Used, quotas: Quotas) -> dict[str, str]:
    """Why a request is refused, by the id of each that is; those that are not use up the quotas of those behind."""
    per_attempt, per_worker = Counter(used.open_by_attempt), Counter(used.hourly_by_worker)
    reasons: dict[str, str] = {}
    for one in requests:
        attempt = (one.task_id or "", one.attempt or 0)
        if one.task_id is not None and per_attempt[attempt] >= quotas.open_per_attempt:
            reasons[one.question_id] = (
                f"attempt {one.attempt} of {one.task_id} has {quotas.open_per_attempt} open requests, and may have no "
                "more: wait for one of them to be decided"
            )
        elif per_worker[one.worker_id] >= quotas.per_worker_hour:
            reasons[one.question_id] = (
                f"{one.worker_id} has made {quotas.per_worker_hour} requests within an hour, and may make no more: go "
                "on with what there is, and ask again later"
            )
        else:
            per_attempt[attempt] += 1
            per_worker[one.worker_id] += 1
    return reasons


def refused(question: Question, reason: str, now: datetime) -> Question:
    """The request that was beyond a quota."""
    word = "denied" if question.kind is QuestionKind.question else "refused"
    decision = RequestDecision(decision=Ruling.refused, reason=reason, decided_by=SYSTEM)
    return question.decided(decision, f"{word}: {reason}", now)

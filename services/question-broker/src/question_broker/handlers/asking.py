"""What workers ask is kept, and decided at once where rules, quotas or a circle of waiting workers say so."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Counter

from contracts.questions import QuestionKind
from question_broker.decisions import cycles, quotas
from question_broker.decisions.asking import Approval, Asked, question_of
from question_broker.decisions.quotas import Quotas
from question_broker.domain import Question
from question_broker.handlers import ruling
from question_broker.handlers.measuring import ASKED
from question_broker.ports import RequestWrites, RuledWrites
from servicekit.metrics import REGISTRY

REFUSED = Counter("mews_requests_over_quota", "Requests refused for a quota.", ["kind"], registry=REGISTRY)
CIRCLES = Counter("mews_waiting_circles", "Circles of waiting workers that were broken.", registry=REGISTRY)

QUOTA_PERIOD = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AskingPolicy:
    """What workers may ask for, and what of it goes ahead by itself."""

    quotas: Quotas
    approval: Approval = Approval.auto


async def ask(into: RuledWrites, asked: Sequence[Asked], policy: AskingPolicy, now: datetime) -> None:
    """Keep what workers asked; a question of an ended attempt is withdrawn at once."""
    tasks = [event.task_id for event in asked if event.task_id]
    closed, holders = await into.closed_through(tasks), await into.holders(tasks)
    read = [
        question_of(event, closed.get(event.task_id or "", 0), policy.approval, holders.get(event.task_id or ""))
        for event in asked
    ]
    new = await into.add([question.received(now) for question in read])
    kept = {question.question_id: question for question in new}
    kept |= await _within_quotas(into, kept.values(), policy.quotas, now)
    kept |= await ruling.try_rules(into, [one for one in kept.values() if one.is_open], now)
    broken = await _without_circles(into, kept.values(), now)
    kept |= {question_id: one for question_id, one in broken.items() if question_id in kept}
    await into.announce(list(kept.values()))
    for one in new:
        ASKED.labels(one.kind.value).inc()
    await ruling.save(into, {one.question_id: one for one in new if one.is_open}, {**kept, **broken}, now)


async def break_circles(into: RequestWrites, now: datetime, closed: Collection[str] = ()) -> dict[str, Question]:
    """The newest request of each circle, closed and not yet saved; `closed`: requests that wait no more.

    Call `hold_waiting` before anything that may close a circle is written.
    """
    found = cycles.broken(one for one in await into.waiting() if one.question_id not in closed)
    held = await into.lock([one.request.question_id for one in found]) if found else {}
    broken: dict[str, Question] = {}
    for one in found:
        question = held.get(one.request.question_id)
        if question is not None and question.is_open:
            CIRCLES.inc()
            broken[question.question_id] = question.helped(cycles.words(one), (), quotas.SYSTEM, now)
    return broken


async def _within_quotas(
    into: RequestWrites, new: Collection[Question], limits: Quotas, now: datetime
) -> dict[str, Question]:
    """Requests beyond a quota, refused."""
    requests = [one for one in new if one.is_open and one.is_request]
    if not requests:
        return {}
    reasons = quotas.beyond(requests, await into.used(requests, now - QUOTA_PERIOD), limits)
    refused = [one for one in requests if one.question_id in reasons]
    for one in refused:
        REFUSED.labels(one.kind.value).inc()
    return {one.question_id: quotas.refused(one, reasons[one.question_id], now) for one in refused}


async def _without_circles(into: RequestWrites, asked: Collection[Question], now: datetime) -> dict[str, Question]:
    help_wanted = [one for one in asked if one.kind is QuestionKind.collaboration_request]
    if not any(one.is_open and one.waits for one in help_wanted):
        return {}
    await into.hold_waiting()
    return await break_circles(into, now, {one.question_id for one in help_wanted if not one.is_open})

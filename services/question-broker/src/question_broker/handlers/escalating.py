"""Questions that wait too long are told to somebody else: promised in one transaction, sent, and sent again."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client import Counter

from contracts.escalations import EscalationState
from question_broker.decisions.escalating import EscalationPolicy, message, retry_at
from question_broker.ports import Claimed, Escalation, Escalations, Settled, Webhook
from servicekit.clock import Clock
from servicekit.ids import new_id
from servicekit.logs import get_logger
from servicekit.metrics import REGISTRY

ESCALATIONS = Counter(
    "mews_escalations",
    "Messages about waiting questions, by what became of an attempt.",
    ["outcome"],
    registry=REGISTRY,
)
FAILED = "failed"
for outcome in (FAILED, EscalationState.sent.value, EscalationState.dropped.value, EscalationState.dead.value):
    ESCALATIONS.labels(outcome)
AT_ONCE = 20
LEASE = timedelta(seconds=60)
"""Longer than an attempt may take: who has not said by then what became of it is taken for lost."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Escalating:
    """All that is needed to escalate."""

    escalations: Escalations
    webhook: Webhook
    policy: EscalationPolicy
    clock: Clock
    chance: Callable[[], float] = random.random


async def promise(escalating: Escalating) -> int:
    """Promise a message for each question that waits too long; returns how many."""
    now, policy = escalating.clock.now(), escalating.policy
    async with escalating.escalations.transaction() as into:
        critical_since = now - timedelta(milliseconds=policy.critical_after_ms)
        since = now - timedelta(milliseconds=policy.after_ms)
        waiting = await into.lock_waiting(critical_since, since, AT_ONCE)
        await into.add([Escalation(new_id("msg"), question, message(question, now)) for question in waiting], now)
    return len(waiting)


async def deliver(escalating: Escalating) -> int:
    """Send the messages that are due; returns how many."""
    now = escalating.clock.now()
    claimed = await escalating.escalations.claim(now, now + LEASE, AT_ONCE)
    settled = await asyncio.gather(*(_send(escalating, one) for one in claimed))
    for one in settled:
        outcome = FAILED if one.state is EscalationState.pending else one.state.value
        ESCALATIONS.labels(outcome).inc()
    if settled:
        await escalating.escalations.settle(settled, escalating.clock.now())
    return len(settled)


async def _send(escalating: Escalating, claimed: Claimed) -> Settled:
    if not claimed.is_open:
        return Settled(claimed, EscalationState.dropped)
    error = await escalating.webhook.send(claimed.escalation_id, claimed.payload, escalating.clock.now())
    if error is None:
        return Settled(claimed, EscalationState.sent)
    again = retry_at(escalating.policy, claimed.attempts, escalating.clock.now(), escalating.chance())
    log.warning("escalation.failed", question_id=claimed.question_id, attempts=claimed.attempts, error=error)
    return Settled(claimed, EscalationState.pending if again else EscalationState.dead, again, error)

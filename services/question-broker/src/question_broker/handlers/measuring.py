"""Showing what waits for somebody."""

from datetime import datetime

from prometheus_client import Counter, Gauge

from contracts.questions import QuestionKind
from question_broker.ports import Questions
from servicekit.metrics import REGISTRY

OPEN = Gauge("mews_questions_open", "Questions and requests that wait for an answer.", ["kind"], registry=REGISTRY)
OLDEST = Gauge("mews_questions_oldest_seconds", "Age of the oldest of them; 0: none.", ["kind"], registry=REGISTRY)
ASKED = Counter("mews_questions_asked", "Questions and requests that workers asked.", ["kind"], registry=REGISTRY)


async def measure(questions: Questions, now: datetime) -> None:
    """Show it once; every replica shows the same."""
    waiting = {one.kind: one for one in await questions.waiting(now)}
    for kind in QuestionKind:
        found = waiting.get(kind.value)
        OPEN.labels(kind.value).set(found.open if found else 0)
        OLDEST.labels(kind.value).set(max(0.0, found.oldest_s) if found else 0.0)

"""Rules on open questions, within the transaction in which these are kept."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from prometheus_client import Counter

from contracts.decided import DecidedEvent
from question_broker.decisions.rules.learning import repositories_of
from question_broker.decisions.rules.trying import Hit, tried
from question_broker.domain import Question
from question_broker.ports import QuestionWrites, RuledWrites
from servicekit.metrics import REGISTRY

HITS = Counter("mews_rule_hits", "Questions that rules have answered, or would have.", ["state"], registry=REGISTRY)


async def try_rules(into: RuledWrites, questions: Sequence[Question], now: datetime) -> dict[str, Question]:
    """Those of the open questions that a rule answers or decides, not yet saved."""
    rules = await into.rules_in_force() if questions else []
    if not rules:
        return {}
    places = await into.repositories(sorted({one.task_id for one in questions if one.task_id}))
    hits: list[Hit] = []
    changed: dict[str, Question] = {}
    for question in questions:
        after, found = tried(rules, question, places.get(question.task_id or ""), now)
        hits += found
        if after is not question:
            changed[question.question_id] = after
    await into.record_hits(hits, now)
    for hit in hits:
        HITS.labels(hit.state.value).inc()
    return changed


async def learn(into: RuledWrites, news: Iterable[DecidedEvent], now: datetime) -> None:
    """Learn on which repositories tasks work, and try the rules on what was asked before that was known."""
    told = repositories_of(news)
    learned = await into.learn_repositories(told) if told else []
    waiting = await into.lock_of_tasks(learned) if learned else []
    changed = await try_rules(into, waiting, now)
    await save(into, {one.question_id: one for one in waiting}, changed, now)


async def save(
    into: QuestionWrites, before: Mapping[str, Question], after: Mapping[str, Question], now: datetime
) -> None:
    """Save what has changed: closed questions with their answers and news, approved ones with theirs."""
    changed = [one for question_id, one in after.items() if before.get(question_id) is not one]
    await into.close([one for one in changed if not one.is_open], now)
    await into.approve([one for one in changed if one.is_open], now)

"""Questions that wait too long are told to a real receiver, signed, again until it takes them, by one replica alone."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from contracts.escalations import EscalationState, EscalationView
from question_broker import app
from question_broker.decisions.asking import question_of
from question_broker.decisions.escalating import EscalationPolicy
from question_broker.domain import Question
from question_broker.handlers.escalating import LEASE, Escalating, deliver, promise
from question_broker.settings import Settings
from question_broker.store import PostgresEscalations, PostgresQuestions
from question_broker.upstreams import Receiver, open_webhook
from servicekit.ids import new_id
from servicekit.migrations import run_migrations
from servicekit.pg import Database as Pg
from tests.support.examples import FULL, MINIMAL, NOW, event
from tests.support.fakes import FakeClock
from tests.support.questioning import Broker, a_broker
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually
from tests.support.webhooks import KEY, SECRET, Listener, listening

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY = EscalationPolicy(after_ms=1_000, critical_after_ms=0, attempts=2, retry_ms=1_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def listener() -> AsyncGenerator[tuple[Listener, str]]:
    async with listening() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(
    questions_env: dict[str, str], nats: TestNats, listener: tuple[Listener, str]
) -> AsyncGenerator[Broker]:
    settings = {
        "escalation_webhook_url": listener[1],
        "escalation_secret": SECRET,
        "escalation_after_ms": 3_600_000,
        "escalation_retry_ms": 10,
        "escalation_tick_ms": 20,
        "escalation_attempts": 4,
    }
    async with a_broker(questions_env, nats, **settings) as running:
        yield running


async def escalation_of(broker: Broker, question_id: str, state: str) -> dict[str, Any]:
    async def found() -> dict[str, Any] | None:
        items = (await broker.client.get("/v1/escalations", params={"state": state})).json()["items"]
        return next((item for item in items if item["question_id"] == question_id), None)

    item = await eventually(found)
    assert item is not None
    return item


async def test_a_critical_question_is_told_again_until_it_is_taken(
    broker: Broker, listener: tuple[Listener, str]
) -> None:
    heard = listener[0]
    heard.answers = [500, 302]
    question = await broker.ask("question", FULL["question"] | {"priority": "critical"})
    item = await escalation_of(broker, question, "sent")
    assert (item["attempts"], item["priority"]) == (3, "critical")
    assert len(heard.of(question)) == 3
    assert heard.ids_of(question) == [item["escalation_id"]] * 3
    assert heard.of(question)[0] == heard.of(question)[2]
    assert "Which provider first?" in heard.of(question)[0]["text"]
    escalated_at = (await broker.view(question)).escalated_at
    assert escalated_at is not None
    assert abs(escalated_at.timestamp() - heard.times[-1]) < 60


async def test_one_that_may_still_wait_is_not_told_and_help_waits_for_its_helper(
    broker: Broker, listener: tuple[Listener, str]
) -> None:
    # The clocks of these two workers are far behind and far ahead: how long somebody waits does not depend on them.
    fresh = await broker.ask("question", MINIMAL["question"], occurred_at=NOW)
    helped = await broker.ask("collaboration_request", FULL["collaboration_request"] | {"priority": "critical"})
    ahead = datetime.now(UTC) + timedelta(hours=1)  # noqa: TID251
    last = await broker.ask("question", FULL["question"] | {"priority": "critical"}, occurred_at=ahead)
    await escalation_of(broker, last, "sent")
    assert listener[0].of(fresh) == listener[0].of(helped) == []
    assert (await broker.view(fresh)).escalated_at is None


async def test_a_message_that_nobody_takes_is_dead_and_seen(broker: Broker, listener: tuple[Listener, str]) -> None:
    listener[0].answers = [503] * 4
    question = await broker.ask("question", FULL["question"] | {"priority": "critical"})
    item = await escalation_of(broker, question, "dead")
    assert (item["attempts"], item["last_error"]) == (4, "answered 503")
    assert (await broker.view(question)).escalated_at is None


class Replicas:
    """Two replicas on one database, whose clock a test winds."""

    def __init__(self, database: Pg, one: Escalating, other: Escalating, clock: FakeClock) -> None:
        self.questions = PostgresQuestions(database, lambda: None, lambda _: None)
        self.one, self.other, self.clock = one, other, clock

    async def ask(self) -> Question:
        """A question that waits from now on."""
        made = question_of(event("question", FULL["question"]), 0)  # type: ignore[arg-type]
        question = replace(made, question_id=new_id("q"), asked_at=self.clock.now())
        async with self.questions.transaction() as into:
            await into.add([question])
        return question

    async def state_of(self, question: Question) -> EscalationView:
        """What became of its message."""
        found = await self.one.escalations.page(None, None, 100)
        return next(item for item in found if item.question_id == question.question_id)


@asynccontextmanager
async def replicas(database: Database, url: str) -> AsyncGenerator[Replicas]:
    settings = Settings.model_validate({name.lower(): value for name, value in database.env("questions").items()})
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings)
    pool, clock = await Pg.connect(settings, app.SCHEMA), FakeClock(NOW)
    async with open_webhook(Receiver(url, KEY, 5.0)) as webhook:
        assert webhook is not None
        one, other = (Escalating(PostgresEscalations(pool), webhook, POLICY, clock, lambda: 1.0) for _ in range(2))
        yield Replicas(pool, one, other, clock)
    await pool.close()


async def test_of_two_replicas_one_sends_and_when_it_is_lost_the_other_does(
    database: Database, listener: tuple[Listener, str]
) -> None:
    heard, url = listener
    async with replicas(database, url) as both:
        questions = [await both.ask() for _ in range(3)]
        assert await promise(both.one) == 0
        both.clock.advance(2)
        await asyncio.gather(promise(both.one), promise(both.other))
        await asyncio.gather(deliver(both.one), deliver(both.other), deliver(both.one))
        assert [len(heard.of(question.question_id)) for question in questions] == [1, 1, 1]

        lost = await both.ask()
        both.clock.advance(2)
        await promise(both.one)
        (claimed,) = await both.one.escalations.claim(both.clock.now(), both.clock.now() + LEASE, 10)
        # Sent, and then the replica died before it could say so.
        assert await both.one.webhook.send(claimed.escalation_id, claimed.payload, both.clock.now()) is None
        assert await deliver(both.other) == 0
        both.clock.advance(LEASE.total_seconds() + 1)
        assert await deliver(both.other) == 1
        assert heard.ids[-2:] == [claimed.escalation_id] * 2
        assert heard.of(lost.question_id)[0] == heard.of(lost.question_id)[1]
        assert (await both.state_of(lost)).state is EscalationState.sent


async def test_what_was_answered_meanwhile_is_told_to_nobody_and_what_is_late_changes_nothing(
    database: Database, listener: tuple[Listener, str]
) -> None:
    heard, url = listener
    async with replicas(database, url) as both:
        question = await both.ask()
        both.clock.advance(2)
        heard.answers = [500]
        await promise(both.one)
        await deliver(both.one)
        assert (await both.state_of(question)).state is EscalationState.pending
        assert await deliver(both.one) == 0
        async with both.questions.transaction() as into:
            await into.close([question.answered("yes", None, "ada", both.clock.now())], both.clock.now())
        both.clock.advance(1)
        await deliver(both.other)
        dropped = await both.state_of(question)
        assert (dropped.state, len(heard.of(question.question_id))) == (EscalationState.dropped, 1)


async def test_a_receiver_that_leads_to_a_clouds_metadata_hears_nothing() -> None:
    for url in ("https://169.254.169.254/latest", "https://[fe80::1]/", "https://0.0.0.0/"):
        async with open_webhook(Receiver(url, KEY, 5.0)) as webhook:
            assert webhook is not None
            assert "to which no message is sent" in (await webhook.send("msg-1", b"{}", NOW) or "")

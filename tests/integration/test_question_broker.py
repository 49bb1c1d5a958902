"""question-broker on real servers: what is asked is answered once, and the worker gets it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from contracts import streams
from contracts.batches import ANSWER_BATCH
from contracts.decided import DecidedEvent, DecidedKind
from contracts.questions import Answer
from question_broker import app, tables
from question_broker.decisions.asking import question_of
from question_broker.handlers.measuring import measure
from question_broker.settings import Settings
from question_broker.store import PostgresQuestions
from servicekit.bus import Bus
from servicekit.ids import new_event_id, new_id
from servicekit.migrations import run_migrations
from servicekit.paging import encode_cursor
from servicekit.pg import Database as Pg
from tests.conftest import StackEnv
from tests.support.buskit import a_bus
from tests.support.examples import FULL, MINIMAL, NOW, event
from tests.support.producer import Producer, settled
from tests.support.running import running_service
from tests.support.samples import Counted, sample
from tests.support.schema import schema_differences
from tests.support.stack import Database, TestNats
from tests.support.waiting import eventually

Answers = list[Answer]


@pytest.fixture
def settings(stack_env: StackEnv) -> Settings:
    given = {name.lower(): value for name, value in stack_env("questions").items()}
    return Settings.model_validate(given | {"expiry_tick_ms": 20})


@pytest.fixture
async def client(settings: Settings) -> AsyncGenerator[httpx.AsyncClient]:
    async with running_service(app.create_app, settings, app.MIGRATIONS, app.SCHEMA) as client:
        yield client


@pytest.fixture
async def bus(nats_server: TestNats) -> AsyncGenerator[Bus]:
    async with a_bus(nats_server) as bus:
        yield bus


@pytest.fixture
def producer(client: httpx.AsyncClient, bus: Bus) -> Producer:
    return Producer(bus)


@pytest.fixture
async def answers(client: httpx.AsyncClient, bus: Bus) -> Answers:
    """What worker-1 hears from now on."""
    heard: Answers = []

    async def hear(message: Any) -> None:
        heard.extend(ANSWER_BATCH.validate_json(message.data).events)

    await bus.subscribe_core("worker.answer.worker-1", hear)
    return heard


async def ask(producer: Producer, client: httpx.AsyncClient, body: dict[str, Any], kind: str = "question") -> str:
    """Ask, and wait until the broker shows it."""
    question_id = new_id("q")
    await producer.send(producer.make(kind, body, question_id=question_id, occurred_at=datetime.now(UTC)))  # noqa: TID251

    async def shown() -> bool:
        return (await client.get(f"/v1/questions/{question_id}")).status_code == 200

    await eventually(shown)
    return question_id


def heard(answers: Answers, question_id: str) -> Callable[[], Answer | None]:
    return lambda: next((answer for answer in answers if answer.question_id == question_id), None)


async def test_an_answer_reaches_the_worker(client: httpx.AsyncClient, producer: Producer, answers: Answers) -> None:
    question_id = await ask(producer, client, FULL["question"])
    given = {"answer": "github", "additional_context": "as agreed", "answered_by": "ada"}
    view = (await client.post(f"/v1/questions/{question_id}/answer", json=given)).json()
    assert (view["state"], view["answer"], view["options"]) == ("answered", "github", ["google", "github"])
    answer = await eventually(heard(answers, question_id))
    assert (answer.answer, answer.additional_context, answer.answered_by) == ("github", "as agreed", "ada")
    assert (answer.task_id, answer.attempt, answer.state.value) == ("task-123", 1, "answered")


async def test_how_much_waits_for_an_answer_and_for_how_long_is_shown(
    client: httpx.AsyncClient, producer: Producer, settings: Settings
) -> None:
    database, counted = await Pg.connect(settings, app.SCHEMA), Counted()
    questions = PostgresQuestions(database, lambda: None, lambda _: None)
    before = datetime.now(UTC)  # noqa: TID251
    question_id = await ask(producer, client, MINIMAL["question"])
    later = datetime.now(UTC) + timedelta(seconds=50)  # noqa: TID251
    await measure(questions, later)
    assert sample("mews_questions_open", kind="question") == 1
    oldest_s = sample("mews_questions_oldest_seconds", kind="question") or 0
    assert 50 <= oldest_s <= (later - before).total_seconds()
    assert (
        sample("mews_questions_open", kind="resource_request"),
        counted("mews_questions_asked_total", kind="question"),
    ) == (0, 1)
    await client.post(f"/v1/questions/{question_id}/answer", json={"answer": "a"})
    await measure(questions, datetime.now(UTC))  # noqa: TID251
    assert sample("mews_questions_open", kind="question") == 0
    assert sample("mews_questions_oldest_seconds", kind="question") == 0
    await database.close()


async def test_exactly_one_of_many_answers_wins(
    client: httpx.AsyncClient, producer: Producer, answers: Answers, bus: Bus
) -> None:
    question_id = await ask(producer, client, MINIMAL["question"])
    posts = (client.post(f"/v1/questions/{question_id}/answer", json={"answer": f"answer {n}"}) for n in range(10))
    results = await asyncio.gather(*posts)
    assert sorted(result.status_code for result in results) == [200] + [409] * 9
    assert {result.json()["code"] for result in results if result.status_code == 409} == {"question_closed"}
    won = next(result.json()["answer"] for result in results if result.status_code == 200)
    assert (await eventually(heard(answers, question_id))).answer == won


async def test_the_same_answer_again_changes_nothing(client: httpx.AsyncClient, producer: Producer) -> None:
    question_id = await ask(producer, client, MINIMAL["question"])
    first, again = [
        await client.post(f"/v1/questions/{question_id}/answer", json={"answer": "yes", "answered_by": who})
        for who in ("ada", "bob")
    ]
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()


async def test_a_question_past_its_deadline_takes_its_default(
    client: httpx.AsyncClient, producer: Producer, answers: Answers
) -> None:
    question_id = new_id("q")
    short = FULL["question"] | {"deadline_ms": 1_000}
    await producer.send(producer.make("question", short, question_id=question_id, occurred_at=NOW))
    answer = await eventually(heard(answers, question_id))
    assert (answer.state.value, answer.answer, answer.answered_by) == ("expired", "google", "deadline")
    late = await client.post(f"/v1/questions/{question_id}/answer", json={"answer": "github"})
    assert (late.status_code, late.json()["code"]) == (409, "question_closed")


async def test_the_questions_of_an_ended_attempt_are_withdrawn_also_those_that_come_late(
    client: httpx.AsyncClient, producer: Producer, answers: Answers, bus: Bus
) -> None:
    open_one = await ask(producer, client, MINIMAL["question"])
    ended = DecidedEvent(
        event_id=new_event_id(), kind=DecidedKind.task_completed, occurred_at=NOW, task_id="task-123", attempt=1
    )
    await producer.tell(ended)
    assert (await eventually(heard(answers, open_one))).state.value == "withdrawn"
    late_one = await ask(producer, client, MINIMAL["question"])
    assert (await client.get(f"/v1/questions/{late_one}")).json()["state"] == "withdrawn"


async def test_a_question_that_comes_again_is_asked_once(
    client: httpx.AsyncClient, producer: Producer, bus: Bus, database: Database
) -> None:
    await ask(producer, client, MINIMAL["question"])
    await producer.repeat_all(1)
    await settled(bus, streams.QUESTIONS, "question-broker")
    assert len((await client.get("/v1/questions")).json()["items"]) == 1


async def test_requests_are_listed_beside_questions(client: httpx.AsyncClient, producer: Producer) -> None:
    await ask(producer, client, FULL["question"])
    await ask(producer, client, FULL["resource_request"], "resource_request")
    await ask(producer, client, FULL["collaboration_request"], "collaboration_request")
    kinds = [item["kind"] for item in (await client.get("/v1/questions")).json()["items"]]
    assert kinds == ["collaboration_request", "resource_request", "question"]
    only = (await client.get("/v1/questions", params={"kind": "resource_request", "state": "open"})).json()["items"]
    assert [item["question"] for item in only] == ["Needs 2 cores (compute) for 60000 ms"]


async def test_questions_are_paged(client: httpx.AsyncClient, producer: Producer) -> None:
    asked = [await ask(producer, client, MINIMAL["question"]) for _ in range(5)]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while query.get("cursor", "") is not None:
        page = (await client.get("/v1/questions", params=query)).json()
        seen += [item["question_id"] for item in page["items"]]
        query["cursor"] = page.get("next_cursor")
    assert seen == asked[::-1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "answer"),
        ({"answer": ""}, "answer"),
        ({"answer": "x", "colour": "red"}, "colour"),
        ({"answer": 5}, "answer"),
    ],
)
async def test_a_wrong_answer_is_refused_by_field_and_the_question_stays_open(
    client: httpx.AsyncClient, producer: Producer, body: dict[str, Any], field: str
) -> None:
    question_id = await ask(producer, client, MINIMAL["question"])
    refused = await client.post(f"/v1/questions/{question_id}/answer", json=body)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert (await client.get(f"/v1/questions/{question_id}")).json()["state"] == "open"


async def test_an_unknown_question_is_not_found(client: httpx.AsyncClient) -> None:
    for answer in (
        await client.get("/v1/questions/q-0"),
        await client.post("/v1/questions/q-0/answer", json={"answer": "x"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "question_not_found")


async def test_a_question_that_crosses_the_end_of_its_attempt_is_withdrawn(settings: Settings) -> None:
    await run_migrations(app.MIGRATIONS, app.SCHEMA, settings)
    db = await Pg.connect(settings, app.SCHEMA)
    try:
        questions = PostgresQuestions(db, lambda: None, lambda _: None)
        asked = question_of(event("question", MINIMAL["question"]), 0)  # type: ignore[arg-type]

        async def end_the_attempt() -> list[str]:
            async with questions.transaction() as into:
                await into.close_through({"task-123": 1})
                return [found.question_id for found in await into.lock_ended({"task-123": 1})]

        async with questions.transaction() as into:
            assert await into.closed_through(["task-123"]) == {"task-123": 0}
            ending = asyncio.create_task(end_the_attempt())
            await eventually(lambda: db.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            await into.add([asked])
        assert await ending == [asked.question_id]
    finally:
        await db.close()


NAIVE_CURSOR = encode_cursor(("2026-01-01T00:00:00", "q-1"))


@pytest.mark.parametrize("path", ["/a%00b", "?task_id=a%00b", f"?cursor={NAIVE_CURSOR}"])
async def test_an_id_or_cursor_that_can_be_none_is_refused(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"/v1/questions{path}")).status_code == 422


async def test_a_malformed_question_is_put_aside(
    client: httpx.AsyncClient, producer: Producer, bus: Bus, database: Database
) -> None:
    await bus.js.publish("manager.question.worker-1", b"{}")
    await ask(producer, client, MINIMAL["question"])
    connection = await asyncpg.connect(database.dsn("questions"))
    try:
        letters = await eventually(lambda: connection.fetch("SELECT subject FROM dead_letter"))
    finally:
        await connection.close()
    assert [row[0] for row in letters] == ["manager.question.worker-1"]


async def test_models_are_what_the_migrations_make(database: Database) -> None:
    assert await schema_differences(database, app.SCHEMA, app.MIGRATIONS, tables.Base.metadata) == []

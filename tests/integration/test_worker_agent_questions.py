"""Questions and requests of an agent: waited for, or looked up later; from the worker itself, or from the broker."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from contracts.questions import QuestionState, QuestionView
from tests.support.other_side import OtherSide, other_side
from tests.support.rpc_services import QUESTION, Refusal, rpc_services
from tests.support.stack import run
from tests.support.waiting import PATIENCE_S, eventually
from tests.support.worker_agent import Bench, WorkerProcess, agent_client, worker_bench

TASK = "task-asking"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with worker_bench(tmp_path_factory.mktemp("bench"), RPC_TIMEOUT_MS="1000") as made:
        run(_assign(made))
        yield made


async def _assign(bench: Bench) -> None:
    async with other_side(bench.nats) as side:
        await side.assign(TASK, agent="command", command="echo up; sleep 600")
        await side.first("stream", TASK)


@pytest.fixture
def worker(bench: Bench) -> WorkerProcess:
    return bench.worker


@pytest.fixture
async def side(bench: Bench) -> AsyncIterator[OtherSide]:
    async with other_side(bench.nats) as made:
        yield made


async def call(worker: WorkerProcess, name: str, arguments: dict[str, Any], era: str = "auto") -> Any:
    async with agent_client(worker, TASK, era) as client:
        return await client.call_tool(name, arguments)


def text(result: Any) -> str:
    return result.content[0].text


async def asked(side: OtherSide, question_id: str) -> Any:
    """The event of a question."""
    kinds = ("question", "resource_request", "collaboration_request")
    events = lambda: [event for kind in kinds for event in side.of(kind) if event.question_id == question_id]  # noqa: E731
    return (await eventually(events))[0]


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_a_question_waits_for_its_answer_and_shows_that_it_waits(
    worker: WorkerProcess, side: OtherSide, era: str
) -> None:
    heard: list[str | None] = []

    async def progress(_done: float, _total: float | None, message: str | None) -> None:
        heard.append(message)

    question = {"question": f"Which one, {era}?", "question_type": "technical", "options": ["a", "b"]}
    async with agent_client(worker, TASK, era) as client:
        asking = asyncio.create_task(client.call_tool("ask_manager", question, progress_callback=progress))
        event = await eventually(
            lambda: next((e for e in side.of("question") if e.body.question == question["question"]), None)
        )
        assert event.body.options == ["a", "b"]
        await side.answer(event, "b")
        result = await asyncio.wait_for(asking, PATIENCE_S)
    assert text(result) == "The manager answered: b"
    assert result.structured_content["state"] == "answered"
    assert heard[0] == "waiting for the manager's answer"


async def test_without_an_answer_the_agent_is_told_how_to_go_on(worker: WorkerProcess) -> None:
    question = {"question": "Now?", "question_type": "priority", "deadline_ms": 1000, "default_answer": "later"}
    result = await call(worker, "ask_manager", question)
    assert text(result) == "No answer came in time. Take the default, 'later', and go on."
    assert (result.structured_content["state"], result.is_error) == ("no_answer", False)


@pytest.mark.parametrize(
    ("name", "arguments", "given", "words"),
    [
        ("request_resources", {"resource_type": "compute", "amount_needed": "4 cores"},
         {"decision": {"decision": "trimmed", "amount_granted": "2 cores", "reason": "two are left"}},
         "trimmed, 2 cores (two are left)"),
        ("request_resources", {"resource_type": "storage", "amount_needed": "9 TB"},
         {"decision": {"decision": "refused"}}, "refused"),
        ("collaborate_with_worker", {"collaboration_type": "code_review", "task_description": "look"},
         {"answer": "Two remarks.", "answered_by": "worker-2", "findings": ["rename it", "test it"]},
         "worker-2 answered: Two remarks.\n- rename it\n- test it"),
    ],
)  # fmt: skip
async def test_a_request_waits_for_what_is_decided_and_shows_it(
    worker: WorkerProcess, side: OtherSide, name: str, arguments: dict[str, Any], given: dict[str, Any], words: str
) -> None:
    asking = asyncio.create_task(call(worker, name, arguments))
    kind = "resource_request" if name == "request_resources" else "collaboration_request"
    wanted = arguments.get("amount_needed", arguments.get("task_description"))
    event = await eventually(lambda: next((e for e in side.of(kind) if wanted in e.body.to_dict().values()), None))
    await side.answer(event, given.get("answer"), **given)
    result = await asyncio.wait_for(asking, PATIENCE_S)
    assert words in text(result)
    structured = result.structured_content
    assert structured["state"] == "answered"
    assert structured.get("decision", {}).get("decision") == given.get("decision", {}).get("decision")
    assert structured.get("findings", []) == given.get("findings", [])


@pytest.mark.parametrize("name", ["request_resources", "collaborate_with_worker"])
async def test_a_request_that_nobody_answers_says_how_to_go_on(worker: WorkerProcess, name: str) -> None:
    arguments = {
        "request_resources": {"resource_type": "dependency", "amount_needed": "left-pad"},
        "collaborate_with_worker": {"collaboration_type": "debugging", "task_description": "help"},
    }[name]
    result = await call(worker, name, arguments | {"deadline_ms": 1000})
    assert result.structured_content["state"] == "no_answer"
    assert "report_blocker" in text(result)


async def test_an_answer_that_is_here_needs_no_service(worker: WorkerProcess, side: OtherSide) -> None:
    question = {"question": "Is it here?", "question_type": "technical", "wait": False}
    question_id = (await call(worker, "ask_manager", question)).structured_content["question_id"]
    open_still = await call(worker, "get_answer", {"question_id": question_id})
    assert open_still.structured_content["state"] == "open"
    waiting = asyncio.create_task(call(worker, "get_answer", {"question_id": question_id, "wait_ms": 20_000}))
    await side.answer(await asked(side, question_id), "yes", additional_context="since today")
    result = await asyncio.wait_for(waiting, PATIENCE_S)
    assert text(result) == "The manager answered: yes\nsince today"
    again = await call(worker, "get_answer", {"question_id": question_id})
    assert again.structured_content["answer"] == "yes"


async def test_an_expired_question_tells_to_state_an_assumption_and_go_on(
    worker: WorkerProcess, side: OtherSide
) -> None:
    question = {"question": "Anybody?", "question_type": "priority", "wait": False}
    question_id = (await call(worker, "ask_manager", question)).structured_content["question_id"]
    await side.answer(await asked(side, question_id), None, state=QuestionState.expired)
    result = await call(worker, "get_answer", {"question_id": question_id, "wait_ms": 10_000})
    assert text(result) == "Nobody answered in time. State your assumption in a report_decision, and go on."


async def test_a_question_of_before_is_asked_of_the_broker_and_waited_for(bench: Bench) -> None:
    answers = [QUESTION, QUESTION | {"state": "answered", "answer": "b", "answered_by": "ada"}]

    async def answer(request: dict[str, Any]) -> bytes:
        return QuestionView.model_validate(answers.pop(0) if len(answers) > 1 else answers[0]).to_json()

    async with rpc_services(bench.nats) as services:
        services.instead["get_answer"] = answer
        result = await call(bench.worker, "get_answer", {"question_id": "q-1", "wait_ms": 5_000})
    assert text(result) == "ada answered: b"
    assert [request["task_id"] for request in services.asked["get_answer"]] == [TASK, TASK]
    assert services.asked["get_answer"][0]["wait_ms"] > 4_000


async def test_an_unknown_question_is_refused_in_the_brokers_own_words(bench: Bench, side: OtherSide) -> None:
    async def refuse(_request: dict[str, Any]) -> bytes:
        raise Refusal("there is no question 'q-0'")

    async with rpc_services(bench.nats) as services:
        services.instead["get_answer"] = refuse
        result = await call(bench.worker, "get_answer", {"question_id": "q-0"})
    assert result.is_error
    assert "there is no question 'q-0' (question_not_found)" in text(result)
    failed = await eventually(
        lambda: [event for event in side.of("tool_call") if event.body.arguments.get("question_id") == "q-0"]
    )
    assert failed[0].body.status == "failed"
    assert "q-0" in failed[0].body.error


@pytest.mark.parametrize(
    ("name", "arguments", "service"),
    [
        ("get_task", {}, "orchestrator"),
        ("list_workers", {}, "orchestrator"),
        ("get_next_task", {}, "orchestrator"),
        ("get_answer", {"question_id": "q-7"}, "question-broker"),
        ("search_learnings", {"query": "x"}, "question-broker"),
    ],
)
async def test_a_service_that_is_away_is_named_with_what_to_do_meanwhile(
    worker: WorkerProcess, name: str, arguments: dict[str, Any], service: str
) -> None:
    result = await asyncio.wait_for(call(worker, name, arguments), PATIENCE_S)
    assert result.is_error
    assert f"the {service} does not answer" in text(result)
    assert "try later" in text(result)


async def test_a_service_that_never_answers_is_given_up_within_the_deadline(bench: Bench) -> None:
    async def sleep(_request: dict[str, Any]) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with rpc_services(bench.nats) as services:
        services.instead["get_task"] = sleep
        result = await asyncio.wait_for(call(bench.worker, "get_task", {}), PATIENCE_S)
    assert "[service_unavailable]" in text(result)


async def test_a_search_goes_out_as_it_was_asked(bench: Bench) -> None:
    async with rpc_services(bench.nats) as services:
        result = await call(bench.worker, "search_learnings", {"query": "migrations"})
    assert result.structured_content["learnings"][0]["learning_id"] == "learning-1"
    assert services.asked["search_learnings"] == [{"task_id": TASK, "query": "migrations", "tags": [], "limit": 10}]


async def test_an_agent_asks_after_its_own_task_alone(bench: Bench) -> None:
    async with rpc_services(bench.nats) as services:
        result = await call(bench.worker, "get_task", {"task_id": "task-of-others"})
    assert "given 'task-of-others'" in text(result)
    assert services.asked == {}

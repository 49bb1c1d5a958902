"""What a worker asks is put to the person at the client, by the official client of the 2026-07-28 era."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.types import ElicitRequestFormParams, ElicitResult, InputRequiredResult
from pydantic import SecretStr

from contracts.questions import QuestionKind, QuestionState
from tests.integration.test_gateway_access import GUARDED, TOKEN
from tests.support.gateway import client, gateway
from tests.support.upstreams import Addresses, World, upstreams
from tests.support.views import completed_task, open_question, running_task
from tests.support.waiting import eventually

MODERN = "2026-07-28"
FOLLOW = {"task_id": "task-abc123", "wait": True}
ASK = {"question_id": "q-1"}


@pytest.fixture
def world() -> World:
    made = World()
    made.put(running_task())
    made.questions["q-1"] = open_question()
    return made


@pytest.fixture
async def addresses(world: World) -> AsyncGenerator[Addresses]:
    async with upstreams(world) as found:
        yield found


@pytest.fixture
async def url(addresses: Addresses) -> AsyncGenerator[str]:
    async with gateway(addresses) as found:
        yield found


class Person:
    """Somebody at the client, who sees forms and says something; then `after` happens."""

    def __init__(self, *replies: ElicitResult, after: Callable[[], object] = lambda: None) -> None:
        self.seen: list[ElicitRequestFormParams] = []
        self._replies = list(replies)
        self._after = after

    async def __call__(self, _: Any, asked: Any) -> ElicitResult:
        assert isinstance(asked, ElicitRequestFormParams)
        self.seen.append(asked)
        self._after()
        return self._replies.pop(0)


def accept(answer: str, **more: str) -> ElicitResult:
    return ElicitResult(action="accept", content={"answer": answer, **more})


DECLINE, CANCEL = ElicitResult(action="decline"), ElicitResult(action="cancel")


async def call(url: str, person: Person, tool: str, arguments: dict[str, Any], token: str | None = None) -> Any:
    async with client(url, MODERN, token, elicitation_callback=person) as connected:
        result = await connected.call_tool(tool, arguments)
    assert not result.is_error, getattr(result.content[0], "text", "")
    return result.structured_content


async def test_a_follower_is_asked_the_worker_gets_the_answer_and_the_task_is_followed_on(
    url: str, world: World
) -> None:
    person = Person(accept("passport", additional_context="see the ADR"))

    async def end_once_answered() -> None:
        await eventually(lambda: world.questions["q-1"].state is QuestionState.answered)
        world.put(completed_task())

    async with asyncio.TaskGroup() as group:
        group.create_task(end_once_answered())
        report = await call(url, person, "monitor_task", FOLLOW)
    assert (report["state"], report["notes"], report["questions"]) == ("completed", [], [])
    (form,) = person.seen
    assert form.message == "worker-1, task task-abc123 asks (technical): Which framework?"
    offered = form.requested_schema["properties"]["answer"]
    assert (offered["enum"], offered["default"]) == (["passport", "authlib"], "authlib")
    question = world.questions["q-1"]
    assert (question.answer, question.additional_context, question.answered_by) == ("passport", "see the ADR", "local")


async def test_the_form_holds_no_control_characters_of_a_worker(url: str, world: World) -> None:
    world.questions["q-1"] = open_question(question="Delete \x1b[31mall\x1b[0m?", options=["no", "no", "yes"])
    person = Person(DECLINE)
    await call(url, person, "answer_worker_question", ASK)
    assert "asks (technical): Delete all?" in person.seen[0].message
    assert person.seen[0].requested_schema["properties"]["answer"]["enum"] == ["no", "yes"]


async def test_a_question_that_comes_while_one_follows_is_asked_too(url: str, world: World) -> None:
    world.questions.clear()

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        world.questions.setdefault("q-2", open_question("q-2", options=[]))

    person = Person(accept("in my own words"), after=lambda: world.put(completed_task()))
    async with client(url, MODERN, elicitation_callback=person) as connected:
        result = await connected.call_tool("monitor_task", FOLLOW, progress_callback=heard)
    assert result.structured_content is not None
    assert result.structured_content["state"] == "completed"
    assert world.questions["q-2"].answer == "in my own words"


async def test_who_declines_leaves_the_question_open_and_is_not_asked_again(url: str, world: World) -> None:
    person = Person(DECLINE, after=lambda: world.put(completed_task()))
    report = await call(url, person, "monitor_task", FOLLOW)
    assert report["state"] == "completed"
    assert report["notes"] == ["q-1 was left open; answer_worker_question answers it"]
    assert [question["question_id"] for question in report["questions"]] == ["q-1"]
    assert len(person.seen) == 1


async def test_who_cancels_gets_the_report_at_once(url: str, world: World) -> None:
    report = await call(url, Person(CANCEL), "monitor_task", FOLLOW)
    assert report["state"] == "running"
    assert report["notes"] == ["following ended at the question q-1, which is still open"]
    assert world.questions["q-1"].state is QuestionState.open


async def test_an_answer_that_comes_too_late_is_noted_and_the_task_followed_on(url: str, world: World) -> None:
    def too_late() -> None:
        world.questions["q-1"] = open_question(state=QuestionState.expired)
        world.put(completed_task())

    report = await call(url, Person(accept("passport"), after=too_late), "monitor_task", FOLLOW)
    assert report["state"] == "completed"
    assert report["notes"] == ["the answer to q-1 was not taken: question q-1 is expired"]


async def test_one_call_does_not_ask_without_end(url: str) -> None:
    person = Person(*(accept(" ") for _ in range(20)))
    report = await call(url, person, "monitor_task", FOLLOW)
    assert len(person.seen) == 8
    assert report["notes"][-1].startswith("more questions came than one call may ask")


async def test_requests_and_help_are_not_put_to_a_person(url: str, world: World) -> None:
    world.questions["q-1"] = open_question(kind=QuestionKind.resource_request)
    person = Person()
    async with client(url, MODERN, elicitation_callback=person) as connected, asyncio.TaskGroup() as group:
        following = group.create_task(connected.call_tool("monitor_task", FOLLOW))
        await eventually(lambda: [path for _, path in world.asked].count("/v1/tasks/task-abc123") > 2)
        world.put(completed_task())
        result = await following
    assert not result.is_error
    assert person.seen == []


@pytest.mark.parametrize(("era", "person"), [("legacy", Person()), (MODERN, None)])
async def test_a_client_that_cannot_ask_sees_the_question_in_the_report(
    addresses: Addresses, era: str, person: Person | None
) -> None:
    async with (
        gateway(addresses, monitor_wait_ms=1_000) as url,
        client(url, era, elicitation_callback=person) as connected,
    ):
        followed = await connected.call_tool("monitor_task", FOLLOW)
        refused = await connected.call_tool("answer_worker_question", ASK)
    assert followed.structured_content is not None
    assert [question["question_id"] for question in followed.structured_content["questions"]] == ["q-1"]
    assert refused.is_error
    assert "answer: is required: this client cannot ask you for it" in getattr(refused.content[0], "text", "")


async def test_the_person_is_asked_for_an_answer_that_was_left_out(url: str, world: World) -> None:
    answered = await call(url, Person(accept("authlib")), "answer_worker_question", ASK)
    assert (answered["state"], answered["answer"]) == ("answered", "authlib")
    assert world.questions["q-1"].answered_by == "local"


@pytest.mark.parametrize("reply", [DECLINE, CANCEL])
async def test_without_a_reply_the_question_stays_open(url: str, world: World, reply: ElicitResult) -> None:
    assert (await call(url, Person(reply), "answer_worker_question", ASK))["state"] == "open"
    assert world.questions["q-1"].state is QuestionState.open


async def test_what_cannot_be_answered_is_not_asked(url: str, world: World) -> None:
    world.questions["q-2"] = open_question("q-2", state=QuestionState.expired)
    world.questions["q-3"] = open_question("q-3", kind=QuestionKind.resource_request)
    async with client(url, MODERN, elicitation_callback=Person()) as connected:
        for question_id, why in (("q-2", "is expired"), ("q-3", "decide_request"), ("q-9", "no question q-9")):
            result = await connected.call_tool("answer_worker_question", {"question_id": question_id})
            assert result.is_error
            assert why in getattr(result.content[0], "text", "")


async def begun(connected: Client, tool: str = "answer_worker_question", **arguments: str) -> InputRequiredResult:
    """A call that has asked."""
    first = await connected.session.call_tool(tool, {**ASK, **arguments}, allow_input_required=True)
    assert isinstance(first, InputRequiredResult)
    return first


async def go_on(connected: Client, state: str | None, **arguments: str) -> Any:
    """The call again, with the reply and what was given along."""
    return await connected.session.call_tool(
        "answer_worker_question",
        {**ASK, **arguments},
        input_responses={"q-1": accept("passport")},
        request_state=state,
        allow_input_required=True,
    )


def keys(*characters: str) -> dict[str, Any]:
    return GUARDED | {"gateway_state_keys": SecretStr(",".join(one * 32 for one in characters))}


async def test_another_replica_goes_on_also_while_the_keys_are_changed(addresses: Addresses, world: World) -> None:
    async with gateway(addresses, **keys("a")) as old, gateway(addresses, **keys("b", "a")) as new:
        async with client(old, MODERN, TOKEN, elicitation_callback=Person()) as one:
            state = (await begun(one)).request_state
        async with client(new, MODERN, TOKEN, elicitation_callback=Person()) as other:
            assert (await go_on(other, state)).structured_content["answer"] == "passport"
    assert world.questions["q-1"].answered_by == "alice"


async def test_a_state_counts_for_its_caller_its_arguments_its_keys_and_its_time_alone(
    addresses: Addresses, world: World
) -> None:
    other_name = GUARDED | {
        "gateway_tokens": SecretStr(GUARDED["gateway_tokens"].get_secret_value().replace("alice", "eve"))
    }
    async with (
        gateway(addresses, **keys("a")) as url,
        gateway(addresses, **(other_name | {"gateway_state_keys": keys("a")["gateway_state_keys"]})) as as_eve,
        gateway(addresses, **keys("c")) as foreign,
        client(url, MODERN, TOKEN, elicitation_callback=Person()) as connected,
    ):
        state = (await begun(connected)).request_state
        assert state is not None
        assert "q-1" not in state
        for target, tried, arguments in (
            (as_eve, state, {}),
            (foreign, state, {}),
            (url, state[:-2] + ("AA" if not state.endswith("AA") else "BB"), {}),
            (url, state, {"additional_context": "other"}),
        ):
            async with client(target, MODERN, TOKEN, elicitation_callback=Person()) as other:
                with pytest.raises(MCPError, match="Invalid or expired requestState"):
                    await go_on(other, tried, **arguments)
        # A reply to what was never asked is no answer: it is asked.
        assert isinstance(await go_on(connected, None), InputRequiredResult)
    assert world.questions["q-1"].state is QuestionState.open


async def test_a_reply_that_takes_too_long_is_refused(addresses: Addresses, world: World) -> None:
    async with (
        gateway(addresses, gateway_state_ttl_ms=1_000) as url,
        client(url, MODERN, elicitation_callback=Person()) as connected,
    ):
        state = (await begun(connected)).request_state

        async def refused() -> bool:
            try:
                # Without a reply it asks again, as long as the state counts.
                await connected.session.call_tool(
                    "answer_worker_question", ASK, request_state=state, allow_input_required=True
                )
            except MCPError as error:
                return "expired" in error.message
            return False

        await eventually(refused)
    assert world.questions["q-1"].state is QuestionState.open

"""Prompts and completion, by the official client of both protocol eras, over real HTTP services."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from mcp import Client, MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    Completion,
    EmbeddedResource,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
)

from contracts.questions import QuestionState
from contracts.tasks import Requirements, TaskState
from mcp_gateway.app import create_app
from tests.support.fakes import FakeClock
from tests.support.gateway import ERAS, client, gateway, gateway_settings
from tests.support.serving import serving
from tests.support.upstreams import Addresses, World, upstreams
from tests.support.views import NOON, completed_task, online_worker, open_question, running_task

QUESTIONS = "mews://questions"
TASK_TEMPLATE = "mews://tasks/{task_id}"


@pytest.fixture
def world() -> World:
    """A fleet of two, a task that runs, one that failed today and one that failed in spring, and a question."""
    made = World()
    made.workers = {name: online_worker(name) for name in ("worker-1", "worker-2")}
    made.workers["worker-2"] = online_worker("worker-2", slots_free=0, capabilities=["agent:claude", "gpu"])
    lost = {"status": TaskState.failed, "reason": "the lease ran out"}
    spring = NOON.replace(month=4)
    made.put(running_task("task-old", created_at=spring, **lost))
    made.put(running_task("task-bad", **lost))
    made.put(running_task("task-run", requirements=Requirements(repository="https://example.com/shop.git")))
    made.put(completed_task("task-done", requirements=Requirements(repository="https://u:pw@example.com/x.git")))
    made.questions["q-1"] = open_question(task_id="task-run")
    return made


@pytest.fixture
async def addresses(world: World) -> AsyncGenerator[Addresses]:
    async with upstreams(world) as found:
        yield found


@pytest.fixture
async def url(addresses: Addresses) -> AsyncGenerator[str]:
    async with serving(create_app(gateway_settings(addresses), clock=FakeClock(NOON))) as found:
        yield f"{found}/mcp"


both_eras = pytest.mark.parametrize("era", ERAS)


class Manager:
    """A client of one era."""

    def __init__(self, connected: Client) -> None:
        self.connected = connected

    async def prompt(self, name: str, **arguments: str) -> tuple[str, list[EmbeddedResource]]:
        """The text of a prompt, and what is attached to it."""
        found = await self.connected.get_prompt(name, arguments)
        first, *others = [message.content for message in found.messages]
        assert isinstance(first, TextContent)
        return first.text, [one for one in others if isinstance(one, EmbeddedResource)]

    async def refused(self, name: str, **arguments: str) -> MCPError:
        """Why there is no such prompt."""
        with pytest.raises(MCPError) as caught:
            await self.connected.get_prompt(name, arguments)
        return caught.value

    async def complete(self, ref: str, name: str, typed: str) -> Completion:
        """What fits for an argument of a prompt, or of a resource's address."""
        of = ResourceTemplateReference(uri=ref) if "://" in ref else PromptReference(name=ref)
        return (await self.connected.complete(of, {"name": name, "value": typed})).completion


@asynccontextmanager
async def managing(url: str, era: str) -> AsyncGenerator[Manager]:
    """Connected for the block, and within one task: a client must be left in the task that entered it."""
    async with client(url, era) as connected:
        yield Manager(connected)


@both_eras
async def test_the_prompts_are_listed_with_what_their_arguments_may_be(url: str, era: str) -> None:
    async with managing(url, era) as manager:
        prompts = {prompt.name: prompt for prompt in (await manager.connected.list_prompts()).prompts}
    assert set(prompts) == {"plan_rollout", "triage_failures", "weekly_report", "answer_question"}
    assert all(prompt.title and prompt.description for prompt in prompts.values())
    plan = {one.name: one for one in prompts["plan_rollout"].arguments or []}
    assert [name for name, one in plan.items() if one.required] == ["goal"]
    assert (plan["priority"].description or "").endswith("One of: critical, high, medium, low. Default: medium.")


@both_eras
async def test_prompts_are_written_from_what_there_is_now(url: str, era: str) -> None:
    async with managing(url, era) as manager:
        text, _ = await manager.prompt("plan_rollout", goal="Move to OAuth2", workers="worker-2 ,worker-1")
        assert "Move to OAuth2" in text
        assert "The fleet now (2 slots free, 1 tasks queued or at work):" in text
        assert "- worker-2 (online, 0 of 3 slots free): agent:claude, gpu, python" in text
        text, _ = await manager.prompt("plan_rollout", goal="Move to OAuth2", workers="worker-2", agent="")
        assert "worker-1" not in text

        text, (attached,) = await manager.prompt("triage_failures")
        assert "1 tasks that were created in the last 24 hours have failed" in text
        assert "- 1 × the lease ran out" in text
        assert "mews://tasks/task-bad (failed, worker-1, attempt 1)" in text
        assert "task-old" not in text
        assert str(attached.resource.uri) == QUESTIONS
        assert json.loads(getattr(attached.resource, "text", ""))["questions"][0]["question_id"] == "q-1"
        assert "No task of worker-2" in (await manager.prompt("triage_failures", worker_id="worker-2"))[0]

        text, (attached,) = await manager.prompt("weekly_report", audience="management")
        assert "- tasks created in that time: 1 running, 1 completed, 1 failed" in text
        assert "- workers: 2 of 2 online" in text
        assert 'quality_dashboard {"time_range": "last_7_days"}' in text

        text, _ = await manager.prompt("answer_question", question_id="q-1")
        assert "Options: passport | authlib" in text
        assert "It works on: Refactor the authentication module" in text


@both_eras
async def test_a_wrong_prompt_says_what_is_wrong(url: str, era: str, world: World) -> None:
    world.questions["q-2"] = open_question("q-2", state=QuestionState.answered)
    wrong: list[tuple[str, dict[str, str], str]] = [
        ("plan_rollout", {}, "goal: is required"),
        ("plan_rollout", {"goal": "  "}, "goal: is required"),
        ("plan_rollout", {"goal": "x", "priority": "urgent"}, "allowed: critical, high, medium, low"),
        ("plan_rollout", {"goal": "x", "worker": "w"}, "worker: is not a parameter"),
        ("plan_rollout", {"goal": "x", "workers": "worker-3"}, "given: worker-3); allowed: worker-1, worker-2"),
        ("triage_failures", {"time_range": "today"}, "time_range: is not one of the allowed values (given: today)"),
        ("triage_failures", {"worker_id": "worker-3"}, "no worker worker-3"),
        ("answer_question", {"question_id": "q-9"}, "no question q-9"),
        ("answer_question", {"question_id": "q-2"}, "question_id: is answered already"),
        ("dance", {}, "no prompt dance; there are: plan_rollout, triage_failures"),
    ]
    async with managing(url, era) as manager:
        for name, arguments, why in wrong:
            error = await manager.refused(name, **arguments)
            assert (error.code, why in error.message) == (INVALID_PARAMS, True), error.message


async def test_without_the_services_behind_the_prompt_says_which(world: World) -> None:
    async with upstreams(world) as addresses:
        deaf = Addresses("http://127.0.0.1:9", addresses.telemetry, addresses.analytics, addresses.questions)
        async with gateway(deaf) as url, managing(url, "legacy") as manager:
            error = await manager.refused("weekly_report")
    assert error.code == INTERNAL_ERROR
    assert "orchestrator" in error.message


@both_eras
async def test_what_fits_is_offered(url: str, era: str) -> None:
    offered: list[tuple[str, str, str, list[str]]] = [
        (TASK_TEMPLATE, "task_id", "", ["task-done", "task-run", "task-bad", "task-old"]),
        (f"{TASK_TEMPLATE}/streams", "task_id", "task-b", ["task-bad"]),
        ("mews://workers/{worker_id}", "worker_id", "2", ["worker-2"]),
        ("triage_failures", "worker_id", "w", ["worker-1", "worker-2"]),
        ("triage_failures", "time_range", "last_2", ["last_24_hours"]),
        ("weekly_report", "audience", "man", ["management"]),
        ("plan_rollout", "workers", "worker-2, w", ["worker-2, worker-1"]),
        ("plan_rollout", "agent", "", ["auditor", "claude"]),
        ("plan_rollout", "priority", "", ["critical", "high", "medium", "low"]),
        ("plan_rollout", "repository", "", ["https://example.com/shop.git"]),
        ("plan_rollout", "goal", "x", []),
        ("answer_question", "question_id", "q", ["q-1"]),
    ]
    async with managing(url, era) as manager:
        for ref, name, typed, values in offered:
            found = await manager.complete(ref, name, typed)
            assert (found.values, found.total, found.has_more) == (values, len(values), False)


async def test_a_hundred_are_offered_and_the_rest_is_told(url: str, world: World) -> None:
    async with managing(url, "legacy") as manager:
        for number in range(150):
            world.put(running_task(f"task-{number}"))
        found = await manager.complete(TASK_TEMPLATE, "task_id", "task")
        assert (len(found.values), found.values[0], found.total, found.has_more) == (100, "task-149", 154, True)
        for number in range(150, 300):
            world.put(running_task(f"task-{number}"))
        found = await manager.complete(TASK_TEMPLATE, "task_id", "task-299")
        assert (found.values, found.total, found.has_more) == (["task-299"], None, True)


@both_eras
async def test_what_is_not_there_is_not_completed(url: str, era: str) -> None:
    missing = [
        ("dance", "step", "no prompt dance"),
        ("plan_rollout", "step", "plan_rollout has no argument step; it has: goal, repository, workers"),
        ("mews://moods/{mood}", "mood", "no resource mews://moods/{mood}; there are"),
        (TASK_TEMPLATE, "worker_id", "has no argument worker_id; it has: task_id"),
        (QUESTIONS, "task_id", "it has: none"),
    ]
    async with managing(url, era) as manager:
        for ref, name, why in missing:
            with pytest.raises(MCPError) as caught:
                await manager.complete(ref, name, "")
            assert (caught.value.code, why in caught.value.message) == (INVALID_PARAMS, True), caught.value.message

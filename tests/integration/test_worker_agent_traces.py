"""The spans of a worker-agent, as a collector receives them: complete whatever dies, and without what is nobody's."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from tests.support.other_side import OtherSide, declare, other_side
from tests.support.sandbox import SandboxServer, running_sandbox
from tests.support.spans import Collector, Received, collecting, orphans
from tests.support.stack import TestNats, run
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, agent_client, worker_process

REQUEST = "b7ad6b7169203331"
SECRET = "s3cret-of-the-task-0123456789"
SAID = (
    '{"type":"system","subtype":"init","session_id":"s-1","model":"sonnet","claude_code_version":"9.9.9",'
    '"mcp_servers":[{"name":"mews","status":"connected"}]}',
    '{"type":"assistant","message":{"id":"m1","model":"sonnet","usage":{"input_tokens":100},"content":['
    '{"type":"text","text":"started in \'$TRACEPARENT\'"},'
    '{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"echo \'$SECRET\'"}}]}}',
    '{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,'
    '"content":"Exit code 3 \'$SECRET\'"}]}}',
    '{"type":"result","subtype":"success","result":"done","total_cost_usd":0.25,'
    '"usage":{"input_tokens":150,"cache_read_input_tokens":50,"output_tokens":20}}',
)
CLAUDE = f"""#!/bin/sh
[ "$1" = --version ] && echo "9.9.9 (Claude Code)" && exit
cat > /dev/null
echo '{SAID[0]}'; echo '{SAID[1]}'; echo '{SAID[2]}'
case "$MEWS_REQUIREMENTS" in *linger*) while [ ! -e go ]; do sleep 0.1; done ;; esac
echo '{SAID[3]}'
"""


@dataclass
class Bench:
    worker: WorkerProcess
    nats: TestNats
    sandbox: SandboxServer
    collector: Collector


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("worker")
    (folder / "bin").mkdir()
    (folder / "bin" / "claude").write_text(CLAUDE)
    (folder / "bin" / "claude").chmod(0o755)
    nats = TestNats(folder / "nats")
    nats.start()
    run(declare(nats))
    agents = {"AGENT_PATH": str(folder / "bin"), "ANTHROPIC_API_KEY": "sk-of-the-worker-0123456789"}
    with (
        collecting() as collector,
        running_sandbox() as sandbox,
        worker_process(folder, nats, sandbox, **agents, **collector.variables) as worker,
    ):
        run(worker.ready())
        yield Bench(worker, nats, sandbox, collector)
    nats.stop()


@pytest.fixture
async def side(bench: Bench) -> AsyncIterator[OtherSide]:
    async with other_side(bench.nats) as made:
        yield made


def trace_of(task_id: str) -> str:
    """Each test has a trace of its own."""
    return hashlib.md5(task_id.encode(), usedforsecurity=False).hexdigest()


def traceparent(task_id: str) -> str:
    return f"00-{trace_of(task_id)}-{REQUEST}-01"


async def ended(collector: Collector, task_id: str) -> Received:
    await eventually(lambda: collector.of("run_attempt", mews_task_id=task_id))
    (whole,) = collector.of("run_attempt", mews_task_id=task_id)
    return whole


async def test_an_attempt_is_one_tree_in_the_trace_of_its_assignment(bench: Bench, side: OtherSide) -> None:
    await side.assign(
        "task-tree", traceparent=traceparent("task-tree"), agent="claude", env={"SECRET": SECRET}, verify=["true"]
    )
    outcome = await side.outcome("task-tree")
    assert (outcome.status, outcome.reason) == ("completed", None)
    whole, found, trace = await ended(bench.collector, "task-tree"), bench.collector, trace_of("task-tree")
    (accepted,) = found.of("accept_attempt", mews_task_id="task-tree")
    (processed,) = found.of_trace(trace, "process TASKS")
    assert (processed.parent_id, processed.kind) == (REQUEST, "consumer")
    assert (accepted.parent_id, whole.parent_id) == (processed.span_id, accepted.span_id)
    phases = ("prepare_attempt", "verify_result", "publish_result", "invoke_agent claude")
    for name in phases:
        (phase,) = found.of_trace(trace, name)
        assert phase.parent_id == whole.span_id, name
    (sent,) = await eventually(lambda: found.of_trace(trace, "send worker.completion"))
    assert (sent.kind, sent.parent_id) == ("producer", whole.span_id)
    assert [one.parent_id for one in orphans(found.of_trace(trace))] == [REQUEST]


async def test_an_agents_run_is_told_in_the_words_of_the_genai_conventions(bench: Bench, side: OtherSide) -> None:
    await side.assign("task-words", traceparent=traceparent("task-words"), agent="claude", env={"SECRET": SECRET})
    await side.outcome("task-words")
    await ended(bench.collector, "task-words")
    (run_of_agent,) = bench.collector.of("invoke_agent claude", mews_task_id="task-words")
    about = run_of_agent.attributes
    assert (about["gen_ai.operation.name"], about["gen_ai.agent.name"]) == ("invoke_agent", "claude")
    assert (about["gen_ai.provider.name"], about["gen_ai.request.model"]) == ("anthropic", "sonnet")
    assert (about["gen_ai.agent.version"], about["gen_ai.conversation.id"]) == ("9.9.9", "s-1")
    assert (about["gen_ai.usage.input_tokens"], about["gen_ai.usage.output_tokens"]) == (200, 20)
    assert (about["mews.usage.cost_usd"], about["gen_ai.response.finish_reasons"]) == (0.25, ["stop"])
    assert (about["process.exit.code"], run_of_agent.failed) == (0, False)
    mine = [one for one in bench.collector.spans if one.parent_id == run_of_agent.span_id]
    turns = [one for one in mine if one.name == "chat sonnet"]
    assert [one.kind for one in turns] == ["client"] * 2
    assert sum(one.attributes["gen_ai.usage.input_tokens"] for one in turns) == 200
    (tool,) = [one for one in mine if one.name == "execute_tool Bash"]
    assert (tool.attributes["gen_ai.tool.call.id"], tool.attributes["error.type"]) == ("t1", "tool_error")
    assert tool.failed
    # The agent's own spans, if it makes any, belong below the one of its run.
    said = [event.body.content for event in side.of("stream", "task-words")]
    assert f"started in 00-{trace_of('task-words')}-{run_of_agent.span_id}-01" in said


async def test_the_whole_is_told_though_the_worker_agent_died_meanwhile(bench: Bench, side: OtherSide) -> None:
    await side.assign(
        "task-dies", traceparent=traceparent("task-dies"), agent="claude", wish="linger", env={"SECRET": SECRET}
    )
    found, trace = bench.collector, trace_of("task-dies")
    # The agent says its first words once its span has begun.
    await side.first("stream", "task-dies")
    async with agent_client(bench.worker, "task-dies") as client:
        await client.call_tool("report_progress", {"status": "executing"})
    (call,) = await eventually(lambda: found.of_trace(trace, "tools/call report_progress"))
    bench.worker.kill()
    bench.worker.start()
    await bench.worker.ready()
    (bench.sandbox.root / "task-dies.1" / "tree" / "go").touch()
    whole = await ended(found, "task-dies")
    (run_of_agent,) = found.of("invoke_agent claude", mews_task_id="task-dies")
    assert call.parent_id == run_of_agent.span_id
    assert run_of_agent.parent_id == whole.span_id
    assert whole.seconds >= run_of_agent.seconds


async def test_a_tool_call_is_told_by_its_name_and_nothing_that_it_says(bench: Bench, side: OtherSide) -> None:
    await side.assign("task-calls", traceparent=traceparent("task-calls"), agent="command", command="sleep 300")
    async with agent_client(bench.worker, "task-calls") as client:
        refused = await client.call_tool(
            "report_progress", {"status": "executing", "metrics": {"percent_complete": 400}}
        )
        assert refused.is_error
        await client.call_tool("get_task", {})
    found = bench.collector
    trace = trace_of("task-calls")
    (asked,) = await eventually(lambda: found.of_trace(trace, "tools/call get_task"))
    (wrong,) = await eventually(lambda: found.of_trace(trace, "tools/call report_progress"))
    assert (wrong.failed, wrong.attributes["error.type"]) == (True, "tool_error")
    (rpc,) = await eventually(lambda: found.of_trace(trace, "orchestrator/get_task"))
    assert (rpc.kind, rpc.parent_id) == ("client", asked.span_id)
    for one in found.spans:
        assert one.spec is not None, one
        assert one.texts == ""
        assert SECRET not in str(one)

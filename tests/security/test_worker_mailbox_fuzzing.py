"""What a worker takes from the bus: assignments, commands and answers, broken, foreign, huge and of older attempts.

What cannot be handled is put aside and counted, what is of an older attempt changes nothing, and the worker lives on
and takes the next task.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from contracts import streams, subjects
from contracts.commands import CommandAction, WorkerConfig
from servicekit.bus import Bus
from servicekit.ids import new_id
from servicekit.traces import TRACEPARENT
from tests.support.besieged import bounded
from tests.support.hostile import Message, encoded, values
from tests.support.other_side import NOW, WORKER, OtherSide, other_side
from tests.support.producer import is_settled
from tests.support.waiting import eventually
from tests.support.worker_agent import Bench, worker_bench

SETTLED_WITHIN_S = 120.0
HONEST, EVIL = "task-honest", "task-evil"
MAILBOX = (subjects.task(WORKER), subjects.command(WORKER), subjects.answer(WORKER))
WORKERS = (WORKER, WORKER, WORKER, "worker-other", "x" * 64)
# What would end the worker is the platform's to say, and no fault of what says it.
HARMLESS = [CommandAction.cancel, CommandAction.pause, CommandAction.resume, CommandAction.update_config]
SANE = WorkerConfig(max_concurrent_tasks=3, memory_limit_mb=4_096, cpu_limit_percent=100, log_level="info")
# What is executed is never made up here.
STEERING = ("agent", "repository", "ref", "branch", "env", "limits", "tags", "tool_profile", "free", "unknown")
MEGABYTE = 1_000_000


@st.composite
def assignments(draw: st.DrawFn) -> Message:
    """An assignment that is honest but for one thing."""
    requirements: dict[str, Any] = {"agent": "command", "command": "true"}
    assignment: dict[str, Any] = {
        "task_id": EVIL,
        "attempt": draw(st.integers(1, 5)),
        "worker_id": draw(st.sampled_from(WORKERS)),
        "description": "do it",
        "priority": "medium",
        "requirements": requirements,
        "created_at": NOW.isoformat(),
        "assigned_at": NOW.isoformat(),
        "lease_ms": 60_000,
    }
    where = draw(st.sampled_from(["assignment", "requirements", "nothing"]))
    if where == "requirements":
        requirements[draw(st.sampled_from(STEERING))] = draw(values)
    elif where == "assignment":
        assignment[draw(st.sampled_from([*assignment, "collaboration", "epoch", "unknown"]))] = draw(values)
    return subjects.task(WORKER), encoded(assignment)


@st.composite
def commands(draw: st.DrawFn) -> dict[str, Any]:
    """A command that is honest but for one thing; about the attempt that runs it says nothing but an older number."""
    task_id = draw(st.sampled_from([HONEST, EVIL]))
    command: dict[str, Any] = {
        "command_id": new_id("cmd"),
        "action": draw(st.sampled_from(HARMLESS)).value,
        "worker_id": draw(st.sampled_from(WORKERS)),
        "task_id": task_id,
        "attempt": 1,
        "config": draw(st.dictionaries(st.sampled_from(sorted(WorkerConfig.model_fields)), values, max_size=2)),
        "reason": "no",
        "issued_at": NOW.isoformat(),
    }
    spared = {"task_id", "attempt"} if task_id == HONEST else set[str]()
    spoilt = draw(st.sampled_from([*sorted(command.keys() - spared), "issued_by", "unknown"]))
    return command | {spoilt: draw(values)} if draw(st.booleans()) else command


@st.composite
def answers(draw: st.DrawFn) -> dict[str, Any]:
    """An answer to a question that nobody asked, honest but for one thing."""
    answer: dict[str, Any] = {
        "question_id": "q-evil",
        "worker_id": draw(st.sampled_from(WORKERS)),
        "task_id": draw(st.sampled_from([HONEST, EVIL])),
        "attempt": 1,
        "state": "answered",
        "answer": "yes",
        "answered_at": NOW.isoformat(),
    }
    spoilt = draw(st.sampled_from([*answer, "decision", "findings", "unknown"]))
    return answer | {spoilt: draw(values)} if draw(st.booleans()) else answer


@st.composite
def batches(draw: st.DrawFn) -> Message:
    """Commands and answers, on their own subject or on the other one."""
    items = draw(st.lists(st.one_of(commands(), answers()), min_size=1, max_size=3))
    batch: dict[str, Any] = {"producer": new_id("outbox"), "batch": 1, "events": items}
    if draw(st.integers(0, 4)) == 0:
        batch[draw(st.sampled_from(sorted(batch)))] = draw(values)
    return draw(st.sampled_from(MAILBOX[1:])), encoded(batch)


GARBAGE = st.tuples(st.sampled_from(MAILBOX), st.one_of(st.binary(max_size=100), values.map(encoded)))
HUGE = [(subject, start * (MEGABYTE // len(start))) for subject in MAILBOX for start in (b"x", b"[", b'{"env":{')]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with worker_bench(tmp_path_factory.mktemp("bench")) as made:
        yield made


def drawn() -> list[Message]:
    found: list[Message] = []

    @bounded(1)
    @given(messages=st.lists(st.one_of(assignments(), batches(), batches(), GARBAGE), min_size=10, max_size=30))
    def one(messages: list[Message]) -> None:
        found.extend(messages)

    one()
    return found


async def test_whatever_lies_in_its_mailbox_a_worker_lives_on_and_takes_the_next_task(
    bench: Bench, tmp_path: Path
) -> None:
    gate, marks = tmp_path / "gate", tmp_path / "marks"
    async with other_side(bench.nats) as side:
        command = f"echo begun >> {marks}; until [ -e {gate} ]; do sleep 0.1; done"
        held = await side.assign(HONEST, attempt=2, agent="command", command=command)
        await eventually(marks.exists)
        before = await counted(bench)
        for subject, payload in [*HUGE, *drawn()]:
            await side.bus.nc.publish(subject, payload)
        await side.bus.nc.publish(MAILBOX[0], b"{}", headers={TRACEPARENT: "00-no-such-thing"})
        await side.assign_again(held, "again")
        await side.assign_again(held.model_copy(update={"attempt": 1}), "older")
        await mended(side)
        await eventually(lambda: emptied(side.bus), SETTLED_WITHIN_S)

        await bench.worker.ready()
        counts = await counted(bench) - before
        kinds = {(stream, reason) for stream in ("TASKS", "COMMANDS") for reason in ("invalid", "foreign")}
        assert {kind for kind, count in counts.items() if count} == kinds
        assert bench.worker.logged("attempt_crashed") == []
        gate.touch()
        assert (await side.outcome(HONEST)).status == "completed"
        assert marks.read_text() == "begun\n"
        await side.assign("task-after", agent="command", command="true")
        assert (await side.outcome("task-after")).status == "completed"


async def mended(side: OtherSide) -> None:
    """Take back what commands that were in order after all have made of the worker."""
    await side.command(CommandAction.resume)
    await side.command(CommandAction.update_config, config=SANE.to_dict())


async def emptied(bus: Bus) -> bool:
    return await is_settled(bus, streams.TASKS, WORKER) and await is_settled(bus, streams.COMMANDS, WORKER)


async def counted(bench: Bench) -> Counter[tuple[str, str]]:
    """Messages that were put aside by stream and reason, and crashes of loops."""
    found = Counter[tuple[str, str]]()
    for family in text_string_to_metric_families(await bench.worker.metrics()):
        for sample in family.samples:
            if sample.name == "mews_dead_letters_total":
                found[sample.labels["stream"], sample.labels["reason"]] += int(sample.value)
            elif sample.name == "mews_loop_failures_total":
                found["loop", sample.labels["loop"]] += int(sample.value)
    return found

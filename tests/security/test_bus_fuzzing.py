"""Every subject of the bus, with bytes, broken batches, foreign ids and huge numbers.

What cannot be handled is put aside with its reason, nothing stays undelivered, every service lives on, and what an
honest worker says in between is recorded.
"""

import json
from collections.abc import Sequence
from typing import Any

import asyncpg
import nats.errors
from hypothesis import given
from hypothesis import strategies as st

from contracts import subjects
from contracts.decided import DecidedKind
from contracts.rpc import RPCS
from contracts.streams import STREAMS
from servicekit.bus.rpc import ERROR_CODE, INTERNAL
from servicekit.ids import new_event_id, new_id
from servicekit.metrics import LOOP_FAILURES
from tests.support.besieged import Besieged, bounded
from tests.support.examples import FULL, MINIMAL, event
from tests.support.hostile import LEAKS, Message, encoded, texts, values
from tests.support.producer import Producer, is_settled
from tests.support.waiting import eventually

KINDS = sorted(MINIMAL)
WORKERS = ("worker-evil", "worker-honest", "x" * 64, "-")
DEAD_LETTERS = ("orchestrator", "telemetry", "analytics", "questions")
CAUGHT_UP_WITHIN_S = 40.0


@st.composite
def batches(draw: st.DrawFn) -> Message:
    """A batch that is honest but for one thing; on the subject of its kind, or of another."""
    kind, worker = draw(st.sampled_from(KINDS)), draw(st.sampled_from(WORKERS))
    body = draw(st.sampled_from([FULL.get(kind, MINIMAL[kind]), MINIMAL[kind]]))
    given_id = {"event_id": new_event_id(), "worker_id": worker, "task_id": "task-evil"}
    one: dict[str, Any] = event(kind, body, **given_id).to_dict()
    batch: dict[str, Any] = {"producer": new_id("spool"), "batch": 1, "events": [one]}
    where = draw(st.sampled_from(["batch", "event", "body", "nothing"]))
    if where != "nothing":
        part = {"batch": batch, "event": one, "body": one["body"]}[where]
        names = sorted(part) or ["a"]
        part[draw(st.sampled_from([*names, "unknown"]))] = draw(values)
    other = draw(st.sampled_from(KINDS))
    subject = subjects.for_event(draw(st.sampled_from([kind, kind, kind, other])), worker, "task-evil")
    return subject, encoded(batch)


@st.composite
def decisions(draw: st.DrawFn) -> Message:
    """What only services say, said by who is none."""
    kind = draw(st.sampled_from(list(DecidedKind)))
    about: dict[str, Any] = {
        "event_id": new_event_id(),
        "kind": kind.value,
        "occurred_at": "2026-01-02T03:04:05Z",
        "task_id": "task-evil",
        "worker_id": "worker-evil",
        "attempt": 1,
    }
    about[draw(st.sampled_from([*about, "question_id", "data", "actor"]))] = draw(values)
    return subjects.for_decided(kind), encoded({"producer": new_id("outbox"), "batch": 1, "events": [about]})


@st.composite
def core(draw: st.DrawFn) -> Message:
    """Heartbeats, free slots and farewells."""
    worker = draw(st.sampled_from(WORKERS))
    subject = draw(st.sampled_from([subjects.heartbeat, subjects.next_task, subjects.end_session]))(worker)
    beat: dict[str, Any] = {
        "worker_id": worker,
        "incarnation": "i",
        "sent_at": "2026-01-02T03:04:05Z",
        "slots_total": 1,
        "slots_free": 1,
        "running": [{"task_id": "task-evil", "attempt": 1}],
    }
    beat[draw(st.sampled_from(sorted(beat)))] = draw(values)
    return subject, encoded(beat)


ANY_SUBJECT = st.sampled_from(
    [subject.replace("*", "worker-evil") for stream in STREAMS for subject in stream.subjects]
    + [subjects.heartbeat("worker-evil"), subjects.end_session("worker-evil"), "event.task.never", "worker.progress.a"]
)
GARBAGE = st.tuples(ANY_SUBJECT, st.one_of(st.binary(max_size=100), values.map(encoded)))
ASKED = st.tuples(
    st.sampled_from([subjects.rpc(rpc.service, verb, "worker-evil") for verb, rpc in RPCS.items()]),
    st.one_of(
        st.binary(max_size=50),
        values.map(encoded),
        st.dictionaries(
            st.sampled_from(["task_id", "question_id", "query", "tags", "limit", "status", "wait_ms", "repository"]),
            st.one_of(values, st.sampled_from(["task-evil", "q-evil", ["a"], 0])),
        )
        # A question is not waited for: how long is the asker's to say.
        .map(lambda asked: encoded({k: v for k, v in asked.items() if k != "wait_ms"})),
    ),
)


def test_whatever_is_published_is_handled_or_put_aside_and_others_are_heard(system: Besieged) -> None:
    @bounded(1)
    @given(messages=st.lists(st.one_of(batches(), batches(), decisions(), core(), GARBAGE), min_size=10, max_size=30))
    def one(messages: Sequence[Message]) -> None:
        system.run(publish(system, messages))

    crashed = crashed_loops()
    one()
    heard = system.run(an_honest_report(system))
    system.run(caught_up(system))
    system.run(system.all_ready())
    assert heard
    assert crashed_loops() == crashed
    put_aside = system.run(dead_letters(system))
    assert all(reason for reason, _ in put_aside)
    assert {stream for _, stream in put_aside} >= {"TELEMETRY", "QUESTIONS", "EVENTS"}


def test_whatever_is_asked_is_answered_without_telling_of_the_inside(system: Besieged) -> None:
    @bounded(5)
    @given(asked=ASKED, name=texts)
    def one(asked: Message, name: str) -> None:
        headers, data = system.run(ask(system, *asked))
        assert headers.get(ERROR_CODE) != INTERNAL, (asked, headers)
        assert not LEAKS.search(json.dumps(headers) + data.decode(errors="replace")), (asked, headers, data)

    one()
    system.run(system.all_ready())


def crashed_loops() -> dict[str, float]:
    """How often each loop of the services, all of which run in this process, has crashed."""
    samples = (sample for metric in LOOP_FAILURES.collect() for sample in metric.samples)
    return {sample.labels["loop"]: sample.value for sample in samples if sample.name.endswith("_total")}


async def publish(system: Besieged, messages: Sequence[Message]) -> None:
    for subject, payload in messages:
        await system.bus.nc.publish(subject, payload)
    await system.bus.nc.flush()


async def ask(system: Besieged, subject: str, payload: bytes) -> tuple[dict[str, str], bytes]:
    try:
        answer = await system.bus.request(subject, payload, 10)
    except nats.errors.Error as error:
        raise AssertionError(f"no answer on {subject} to {payload[:200]!r}") from error
    return answer.headers or {}, answer.data


async def an_honest_report(system: Besieged) -> bool:
    """Whether what an honest worker says arrives after all that."""
    await system.bus.wait_ready()
    producer = Producer(system.bus, new_id("spool"))
    said = producer.make("progress", {"status": "executing"}, worker_id="worker-honest", task_id="task-honest")
    await producer.send(said)

    async def recorded() -> bool:
        url = f"{system.addresses.telemetry}/v1/events"
        answer = await system.http.get(url, params={"task_id": "task-honest"})
        return said.event_id in answer.text

    return await eventually(recorded, CAUGHT_UP_WITHIN_S)


async def caught_up(system: Besieged) -> None:
    """Wait until nothing is left to deliver or to acknowledge."""
    for stream in STREAMS:
        for durable in stream.durables:

            async def done(name: str = stream.name, durable: str = durable.name) -> bool:
                return await is_settled(system.bus, name, durable)

            try:
                await eventually(done, CAUGHT_UP_WITHIN_S)
            except AssertionError as error:
                raise AssertionError(f"{durable.name} is not done with {stream.name}") from error


async def dead_letters(system: Besieged) -> list[tuple[str, str]]:
    """Reason and stream of all that was put aside, by any service."""
    found: list[tuple[str, str]] = []
    for schema in DEAD_LETTERS:
        connection = await asyncpg.connect(system.database.dsn(schema))
        try:
            rows = await connection.fetch("SELECT DISTINCT reason, stream FROM dead_letter")
            found += [(row["reason"], row["stream"]) for row in rows]
        finally:
            await connection.close()
    return found

"""A sound world has no violation, and each broken one has just the violation that it was broken for."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.aging import Aged
from tests.chaos.audit import Audited
from tests.chaos.errands import Behaviour, Errand
from tests.chaos.evidence import Attempt, Decided, Evidence, Logged, Question, Run, Task, Worker
from tests.chaos.injecting import Injected
from tests.chaos.invariants import HEAL, INVARIANTS, check, may_heal
from tests.chaos.keeping import End, Stop
from tests.chaos.manager import Told
from tests.chaos.plan import Fault
from tests.chaos.watching import Look

GATEWAY, ORCHESTRATOR = "mcp-gateway", "orchestrator-1"

Change = Callable[[Evidence], Evidence]

U = {name: f"u-{number:016x}" for number, name in enumerate(("lost", "one", "two", "ask", "save", "done"), 1)}
EVENT = {name: f"e-{name}" for name in U}
KINDS = {"one": "decision", "two": "stream", "ask": "question", "save": "checkpoint", "done": "completion"}
TOOLS = {
    "one": "report_decision",
    "two": "stream_realtime_data",
    "ask": "ask_manager",
    "save": "save_checkpoint",
    "done": "report_completion",
}


def sound() -> Evidence:
    """Two tasks: the first lost its first attempt with a killed worker, the second was cancelled."""
    return Evidence(
        errands=[
            Errand("k1", 0, Behaviour.checkpointer, 2, 0.1, 20),
            Errand("k2", 0, Behaviour.cancelled, 2, 0.1, 20, 1.0),
        ],
        told=Told(
            assigned={"k1": "t1", "k2": "t2"},
            cancelled_at={"t2": 50.0},
            tried={"q1": ["a-1", "a-2"]},
            answered={"q1": ["a-1"]},
        ),
        injected=[
            Injected(Fault.kill, "worker-1", 20.0, 21.0),
            Injected(Fault.outage, "postgres", 100.0, 160.0),
            Injected(Fault.outage, "redis", 200.0, 260.0),
        ],
        lease_s=8.0,
        tasks=[
            Task("t1", "k1", "completed", attempt=2, burned=1, claimed=U["done"], counted=U["done"]),
            Task("t2", "k2", "cancelled", attempt=1),
        ],
        attempts=[
            Attempt("t1", 1, "worker-1", "lost", 10.0, 28.0),
            Attempt("t1", 2, "worker-2", "completed", 30.0, 40.0),
            Attempt("t2", 1, "worker-2", "cancelled", 45.0, 50.0),
        ],
        workers=[Worker("worker-1", "online", 3, 3, 0), Worker("worker-2", "online", 3, 3, 1)],
        logged=[_logged(name, seq) for seq, name in enumerate(KINDS, 1)] + [_logged("lost", 1, attempt=1, stale=True)],
        decided=[
            Decided("d1", "task.assigned", "t1", 1),
            Decided("d2", "task.assigned", "t1", 2),
            Decided("d3", "task.assigned", "t2", 1),
            Decided("d4", "task.completed", "t1", 2),
            Decided("d5", "task.cancelled", "t2", 1),
            Decided("d6", "question.answered", "t1", 2, "q1"),
        ],
        projected=frozenset({EVENT["one"]}),
        audit=[Audited(1, "assign_task"), *(Audited(seq, "decided", f"d{seq - 1}") for seq in range(2, 8))],
        questions=[Question("q1", "t1", "answered", "a-1", U["ask"])],
        runs=[_first_run(), _second_run(), _run("t2", 1, 46.0, [])],
        ends=[End("worker-1", 20.0, -9, wanted=True)],
        stops=[Stop("orchestrator-1", 60.0, 1.5, forced=False, code=0)],
        looks=[*_looks(ORCHESTRATOR, 106.0, 503, "schema"), *_looks(GATEWAY, 106.0, 200), *_looks(GATEWAY, 206.0, 200)],
        dead_letters={"telemetry": []},
        shown={"t1": [U["two"]]},
        unsent={"orchestrator": 0},
        aged=[Aged("an old task", stays=False, is_there=False), Aged("an open letter", stays=True, is_there=True)],
        workspaces=["worker-1/t9.1"],
    )


def _logged(name: str, seq: int, attempt: int = 2, *, stale: bool = False) -> Logged:
    kind, worker = KINDS.get(name, "milestone"), f"worker-{attempt}"
    return Logged(EVENT[name], kind, worker, "t1", attempt, seq, stale, marks=(U[name],))


def _looks(service: str, at: float, status: int | None, *failing: str) -> list[Look]:
    return [Look(service, at + second, at + second + 0.1, status, frozenset(failing)) for second in range(10)]


def _run(task_id: str, attempt: int, at: float, lines: Sequence[dict[str, Any]]) -> Run:
    begin = {"did": "begin", "at": at}
    return Run(task_id, attempt, 100 + attempt, 1, (begin, *({"at": at + 0.5, **line} for line in lines)))


def _first_run() -> Run:
    lines = [
        {"did": "loaded", "found": False, "step": None},
        {"did": "effect", "step": 0},
        {"did": "intend", "tool": "save_checkpoint", "id": U["lost"]},
        {"did": "acked", "tool": "save_checkpoint", "id": U["lost"], "event_id": EVENT["lost"], "seq": 1},
    ]
    return _run("t1", 1, 11.0, lines)


def _second_run() -> Run:
    lines: list[dict[str, Any]] = [{"did": "loaded", "found": True, "step": 0}, {"did": "effect", "step": 1}]
    for seq, name in enumerate(KINDS, 1):
        lines.append({"did": "intend", "tool": TOOLS[name], "id": U[name]})
        lines.append({"did": "acked", "tool": TOOLS[name], "id": U[name], "event_id": EVENT[name], "seq": seq})
    lines.append({"did": "answer", "question_id": "q1", "state": "answered", "text": "a-1"})
    return _run("t1", 2, 31.0, lines)


def _with(name: str, number: int, **changes: Any) -> Change:
    """The world with one thing in it changed."""

    def change(e: Evidence) -> Evidence:
        things = list(getattr(e, name))
        things[number] = replace(things[number], **changes)
        return replace(e, **{name: things})

    return change


def _more(name: str, *things: Any) -> Change:
    return lambda e: replace(e, **{name: [*getattr(e, name), *things]})


def _without(name: str, number: int) -> Change:
    return lambda e: replace(e, **{name: [thing for place, thing in enumerate(getattr(e, name)) if place != number]})


def _told(**changes: Any) -> Change:
    return lambda e: replace(e, told=replace(e.told, **changes))


def _said(number: int, *lines: dict[str, Any]) -> Change:
    """An agent that has also written these lines."""

    def change(e: Evidence) -> Evidence:
        run = e.runs[number]
        return _with("runs", number, lines=(*run.lines, *({"at": run.last_at, **line} for line in lines)))(e)

    return change


NOT_SOUND: list[tuple[str, str, Change]] = [
    ("assigned_once", "an acknowledged task is not there", _told(assigned={"k1": "t1", "k2": "t2", "k3": "t3"})),
    ("assigned_once", "an errand was never acknowledged", _told(assigned={"k1": "t1"})),
    ("assigned_once", "a key became two tasks", _more("tasks", Task("t9", "k1", "cancelled", 0))),
    ("ended", "a task goes on", _with("tasks", 1, status="running")),
    ("ended", "an attempt is live", _with("attempts", 2, state="running", ended_at=None)),
    ("ended_as_it_should", "a task that should complete failed", _with("tasks", 0, status="failed")),
    ("ended_as_it_should", "a cancelled task completed", _with("tasks", 1, status="timed_out")),
    ("told_once", "an end is told twice", _more("decided", Decided("d9", "task.completed", "t1", 2))),
    ("told_once", "a beginning is not told", _without("decided", 0)),
    ("counted_once", "a completion counts twice", _with("workers", 1, tasks_completed=2)),
    ("logged_once", "an acknowledged report is lost", _without("logged", 1)),
    ("logged_once", "a report is there twice", _more("logged", replace(_logged("two", 77), event_id="e-again"))),
    ("logged_once", "it is another event than was named", _with("logged", 1, event_id="e-other")),
    (
        "logged_from_somewhere",
        "nobody made a report",
        _more("logged", replace(_logged("two", 9), event_id="e", marks=("u-0000000000000bad",))),
    ),
    ("logged_from_somewhere", "another attempt made it", _with("logged", 1, attempt=1, seq=7)),
    ("logged_in_order", "a number is used twice", _with("logged", 1, seq=1)),
    (
        "logged_in_order",
        "an agent was told a lower number",
        _said(1, {"did": "acked", "tool": "get_answer", "id": "", "seq": 2}),
    ),
    ("run_once", "an attempt was run twice", _more("runs", _run("t2", 1, 47.0, []))),
    ("run_once", "an attempt that nobody assigned was run", _more("runs", _run("t2", 2, 49.0, []))),
    ("one_at_a_time", "an attempt was assigned too early", _with("attempts", 1, assigned_at=27.0)),
    ("closed_for_a_reason", "an attempt was lost without a fault", lambda e: replace(e, injected=())),
    ("closed_for_a_reason", "the fault hit another worker", _with("injected", 0, victim="worker-2")),
    ("closed_for_a_reason", "the fault was long before", _with("injected", 0, begun_at=-90.0, ended_at=-80.0)),
    ("closed_for_a_reason", "a server was away", _with("injected", 0, fault=Fault.outage)),
    ("believed_is_current", "the claim of an earlier attempt counts", _with("tasks", 0, counted=U["lost"])),
    ("believed_is_current", "no claim counts", _with("tasks", 0, counted=None)),
    ("believed_is_current", "a report of the current attempt is stale", _with("logged", 1, stale=True)),
    ("cancelled_for_good", "a cancelled task ran again", _with("attempts", 2, assigned_at=51.0, ended_at=52.0)),
    ("questions_closed_once", "a question is open", _with("questions", 0, state="open")),
    ("answered_once", "nobody gave that answer", _told(tried={}, answered={})),
    ("answered_once", "two answers were acknowledged", _told(answered={"q1": ["a-1", "a-2"]})),
    (
        "questions_closed_once",
        "its end is told twice",
        _more("decided", Decided("d9", "question.answered", "t1", 2, "q1")),
    ),
    (
        "answered_once",
        "its agent got another answer",
        _said(1, {"did": "answer", "question_id": "q1", "state": "answered", "text": "a-2"}),
    ),
    (
        "questions_closed_once",
        "it is there twice",
        _more("questions", Question("q2", "t1", "answered", "a-1", U["ask"])),
    ),
    ("questions_in_time", "it expired long before its deadline", _with("questions", 0, state="expired")),
    ("checkpoints_kept", "a checkpoint is forgotten", _said(1, {"did": "loaded", "found": False, "step": None})),
    ("checkpoints_kept", "a checkpoint comes from nowhere", _said(1, {"did": "loaded", "found": True, "step": 1})),
    ("projected_once", "a decision is not projected", lambda e: replace(e, projected=frozenset())),
    ("projected_once", "a decision comes from nowhere", lambda e: replace(e, projected=e.projected | {"e-ghost"})),
    ("audited_once", "the chain is broken", _with("audit", 1, wrong="its hash is another")),
    ("audited_once", "a decision was not audited", _without("audit", 1)),
    ("audited_once", "a decision was audited twice", _more("audit", Audited(8, "task.assigned", "d1"))),
    ("shown_once", "the manager does not see a report", lambda e: replace(e, shown={"t1": []})),
    ("shown_once", "the manager sees a report twice", lambda e: replace(e, shown={"t1": [U["two"]] * 2})),
    ("nothing_left", "an agent still runs", lambda e: replace(e, alive=["pid 7"])),
    ("nothing_left", "a slot is taken", _with("workers", 0, slots_free=2)),
    ("nothing_left", "a worker is away", _with("workers", 0, status="offline")),
    ("nothing_left", "something was not sent", lambda e: replace(e, unsent={"orchestrator": 1})),
    ("nothing_refused", "there is a dead letter", lambda e: replace(e, dead_letters={"telemetry": ["not JSON"]})),
    ("services_stay", "a service ended by itself", _with("ends", 0, wanted=False)),
    ("services_stay", "a service did not stop in time", _with("stops", 0, forced=True)),
    ("services_stay", "a service failed while it stopped", _with("stops", 0, code=1)),
    ("outages_told", "a service says that it is ready without PostgreSQL", _with("looks", 9, status=200, failing=())),
    ("outages_told", "a service does not say what it lacks", _with("looks", 9, failing=frozenset({"loops"}))),
    ("outages_told", "a service does not answer", lambda e: replace(e, looks=_looks(ORCHESTRATOR, 106.0, None))),
    ("outages_told", "a service is not ready without Redis", lambda e: replace(e, looks=_looks(GATEWAY, 206.0, 503))),
    (
        "doors_stay_open",
        "an agent was turned away and taken again",
        _said(0, {"did": "turned_away"}, {"did": "acked", "at": 12.0, "tool": "get_task", "id": ""}),
    ),
    ("forgotten", "what is too old is there", _with("aged", 0, is_there=True)),
    ("forgotten", "what is not too old is gone", _with("aged", 1, is_there=False)),
    ("forgotten", "a workspace outlives its attempt", lambda e: replace(e, workspaces=["worker-2/t1.2"])),
]


def test_a_sound_world_has_no_violation() -> None:
    assert check(sound()) == []


@pytest.mark.parametrize(
    ("invariant", "why", "change"), NOT_SOUND, ids=[f"{name}: {why}" for name, why, _ in NOT_SOUND]
)
def test_a_broken_world_violates(invariant: str, why: str, change: Change) -> None:
    assert invariant in {violation.invariant for violation in check(change(sound()))}, why


def test_each_invariant_can_fail() -> None:
    assert {invariant for invariant, _, _ in NOT_SOUND} == set(INVARIANTS)


def test_what_has_not_arrived_is_waited_for_and_what_was_done_twice_is_not() -> None:
    lost, twice = _without("logged", 1)(sound()), _more("runs", _run("t2", 1, 47.0, []))(sound())
    assert may_heal(check(lost))
    assert not may_heal(check(twice))
    assert not may_heal([])
    assert set(INVARIANTS) > HEAL


def test_what_was_saved_after_its_attempt_was_closed_need_not_be_handed_out() -> None:
    e = sound()
    late = (
        {"did": "effect", "at": 29.0, "step": 1},
        {"did": "intend", "at": 29.0, "tool": "save_checkpoint", "id": U["lost"]},
        {"did": "acked", "at": 29.0, "tool": "save_checkpoint", "id": U["lost"], "event_id": EVENT["lost"], "seq": 1},
    )
    run = replace(e.runs[0], lines=(*e.runs[0].lines, *late))
    assert "checkpoints_kept" not in {one.invariant for one in check(replace(e, runs=[run, *e.runs[1:]]))}


@pytest.mark.parametrize(("server", "is_explained"), [("postgres", True), ("nats", True), ("redis", False)])
def test_what_a_fault_did_is_heard_of_once_the_servers_are_back_that_tell_it(server: str, is_explained: bool) -> None:
    e = sound()
    killed, away = Injected(Fault.kill, "worker-1", 20.0, 21.0), Injected(Fault.outage, server, 12.0, 72.0)
    late = replace(e.attempts[0], ended_at=80.0)
    found = check(replace(e, injected=[killed, away], attempts=[late, *e.attempts[1:]]))
    assert ("closed_for_a_reason" not in {one.invariant for one in found}) == is_explained


@pytest.mark.parametrize(
    ("looks", "why"),
    [
        (_looks(ORCHESTRATOR, 96.0, 200)[:9], "the outage may not be seen yet"),
        (_looks(ORCHESTRATOR, 159.95, 200), "it is over before the answer is there"),
        (_looks(ORCHESTRATOR, 106.0, None)[:4], "there are too few looks to tell"),
        ([*_looks(GATEWAY, 206.0, 503)[:5], *_looks(GATEWAY, 216.0, 200)[:5]], "it was ready most of the time"),
    ],
)
def test_a_look_that_shows_nothing_is_no_violation(looks: list[Look], why: str) -> None:
    assert check(replace(sound(), looks=looks)) == [], why


@pytest.mark.parametrize("victim", [GATEWAY, "nats"])
def test_a_service_that_another_fault_has_hit_need_not_be_ready(victim: str) -> None:
    e = _more("injected", Injected(Fault.kill, victim, 195.0, 196.0))(sound())
    assert check(replace(e, looks=_looks(GATEWAY, 206.0, 503, "bus"))) == []


def test_a_task_may_fail_when_faults_used_up_its_attempts() -> None:
    used_up = _with("tasks", 0, status="failed", burned=20)(sound())
    assert "ended_as_it_should" not in {violation.invariant for violation in check(used_up)}

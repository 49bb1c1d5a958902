"""What must hold whatever broke: pure comparisons of the evidence, each of which says what does not fit."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.errands import TO_BE_CANCELLED, Behaviour, Errand
from tests.chaos.evidence import Attempt, Evidence, Logged, Run, Task
from tests.chaos.injecting import Injected
from tests.chaos.plan import Fault

TERMINAL = frozenset({"completed", "failed", "cancelled", "timed_out"})
LIVE = frozenset({"assigned", "running"})
TERMINAL_KINDS = frozenset(f"task.{state}" for state in TERMINAL)
CLOSED = frozenset({"answered", "auto_answered", "expired", "withdrawn"})
CLOSING_KINDS = frozenset(f"question.{state}" for state in ("answered", "expired", "withdrawn"))
CRITICAL_KINDS = frozenset({"task.queued", "task.assigned", "task.requeued"}) | TERMINAL_KINDS | CLOSING_KINDS
ANSWERED = "answered"
HITS_A_WORKER = frozenset({Fault.kill, Fault.freeze, Fault.stall, Fault.cut, Fault.full_disk, Fault.rolling})
SETTLES_S = 15.0
"""How long a fault may show after its cause was taken away, beyond the lease."""
BLINK_S = 0.05
"""Clocks of two processes on one machine are read at different moments."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be."""

    invariant: str
    what: str


Check = Callable[[Evidence], Iterable[str]]


def check(evidence: Evidence) -> list[Violation]:
    """All that does not hold."""
    return [Violation(name, what) for name, holds in INVARIANTS.items() for what in holds(evidence)]


def assigned_once(e: Evidence) -> Iterator[str]:
    """Each errand was acknowledged in the end, and is one task, the one that was named."""
    for errand in e.errands:
        if errand.key not in e.told.assigned:
            yield f"{errand.key} was never acknowledged"
    by_key: defaultdict[str, list[str]] = defaultdict(list)
    for task in e.tasks:
        by_key[task.key].append(task.task_id)
    for key, task_id in e.told.assigned.items():
        if by_key[key] != [task_id]:
            yield f"{key} was acknowledged as {task_id}, and is {by_key[key]}"
    for key, found in by_key.items():
        if len(found) > 1:
            yield f"{key} became several tasks: {found}"


def ended(e: Evidence) -> Iterator[str]:
    """Each task that was assigned has ended, and no attempt is live."""
    known = {task.task_id: task for task in e.tasks}
    for task_id in e.told.assigned.values():
        if task_id not in known or known[task_id].status not in TERMINAL:
            yield f"{task_id} has not ended: {known.get(task_id)}"
    for attempt in e.attempts:
        if attempt.state in LIVE:
            yield f"attempt {attempt.attempt} of {attempt.task_id} is {attempt.state} on {attempt.worker_id}"


def ended_as_it_should(e: Evidence) -> Iterator[str]:
    """Each task ended in a way that its agent's behaviour allows, unless its attempts were used up."""
    for task, errand in _with_errands(e):
        if task.status in TERMINAL and task.status not in _allowed(task, errand, e):
            yield f"{errand.behaviour} {task.task_id} is {task.status}: {task.reason}"


def told_once(e: Evidence) -> Iterator[str]:
    """Each task has one end in the log of what was decided, and each attempt one beginning."""
    mine = set(e.told.assigned.values())
    ends = Counter(d.task_id for d in e.decided if d.kind in TERMINAL_KINDS and d.task_id in mine)
    begins = Counter((d.task_id, d.attempt) for d in e.decided if d.kind == "task.assigned")
    for task in e.tasks:
        if task.task_id in mine and task.status in TERMINAL and ends[task.task_id] != 1:
            yield f"the end of {task.task_id} is told {ends[task.task_id]} times"
    for attempt in e.attempts:
        if attempt.task_id in mine and begins[attempt.task_id, attempt.attempt] != 1:
            times = begins[attempt.task_id, attempt.attempt]
            yield f"attempt {attempt.attempt} of {attempt.task_id} is told {times} times"


def counted_once(e: Evidence) -> Iterator[str]:
    """Each completed attempt counts once for its worker."""
    completed = Counter(attempt.worker_id for attempt in e.attempts if attempt.state == "completed")
    for worker in e.workers:
        if worker.tasks_completed != completed[worker.worker_id]:
            yield (
                f"{worker.worker_id} has completed {completed[worker.worker_id]} attempts, "
                f"and is credited with {worker.tasks_completed}"
            )


def logged_once(e: Evidence) -> Iterator[str]:
    """Each acknowledged report is in the log once, as the event that was named; no other report is there twice."""
    by_mark = _by_mark(e)
    for run in e.runs:
        for line in run.of("acked"):
            if "event_id" not in line or line["tool"] == "get_answer":
                continue
            found = [event.event_id for event in by_mark[line["id"]]]
            if found != [line["event_id"]]:
                yield f"{line['tool']} {line['id']} of {_name(run)} was acknowledged as {line['event_id']}: {found}"
    for mark, events in by_mark.items():
        if len(events) > 1:
            yield f"{mark} is in the log as {[event.event_id for event in events]}"


def logged_from_somewhere(e: Evidence) -> Iterator[str]:
    """Each report in the log was made by an agent, in that attempt."""
    made = {line["id"]: run for run in e.runs for line in run.of("intend")}
    for event in e.logged:
        for mark in event.marks:
            if event.evidence != "reported":
                continue
            run = made.get(mark)
            if run is None or (run.task_id, run.attempt) != (event.task_id, event.attempt):
                where = f"attempt {event.attempt} of {event.task_id}"
                yield f"{event.kind} {mark} of {where} comes from {run and _name(run)}"


def logged_in_order(e: Evidence) -> Iterator[str]:
    """What an agent reported one after the other has rising numbers, and no number of an attempt is used twice."""
    used: defaultdict[tuple[str, int, str], Counter[int]] = defaultdict(Counter)
    for event in e.logged:
        used[event.task_id, event.attempt, event.worker_id][event.seq] += 1
    for (task_id, attempt, worker), seqs in used.items():
        twice = [seq for seq, times in seqs.items() if times > 1]
        if twice:
            yield f"numbers of attempt {attempt} of {task_id} on {worker} are used twice: {twice[:5]}"
    for run in e.runs:
        seqs = [line["seq"] for line in run.of("acked") if "seq" in line]
        if seqs != sorted(set(seqs)):
            yield f"{_name(run)} was told these numbers: {seqs}"


def run_once(e: Evidence) -> Iterator[str]:
    """No attempt was run twice, and each that was run had been assigned."""
    runs = Counter((run.task_id, run.attempt) for run in e.runs)
    known = {(attempt.task_id, attempt.attempt) for attempt in e.attempts}
    for (task_id, attempt), times in runs.items():
        if times > 1:
            yield f"attempt {attempt} of {task_id} was run {times} times"
        if (task_id, attempt) not in known:
            yield f"attempt {attempt} of {task_id} was run, and never assigned"


def one_at_a_time(e: Evidence) -> Iterator[str]:
    """An attempt begins after the one before it was closed; its agent too."""
    begun = {(run.task_id, run.attempt): run.begun_at for run in e.runs}
    for earlier, later in _successive(e.attempts):
        if earlier.ended_at is None or earlier.ended_at > later.assigned_at + BLINK_S:
            yield f"attempt {later.attempt} of {later.task_id} was assigned before the one before it was closed"
        start = begun.get((later.task_id, later.attempt))
        if start is not None and earlier.ended_at is not None and start + BLINK_S < earlier.ended_at:
            yield f"attempt {later.attempt} of {later.task_id} ran before the one before it was closed"


def closed_for_a_reason(e: Evidence) -> Iterator[str]:
    """An attempt that was lost or failed has a fault at its worker, or an agent that was to fail, to explain it."""
    errands = {task.task_id: errand for task, errand in _with_errands(e)}
    for attempt in e.attempts:
        if attempt.state not in ("lost", "failed", "refused") or attempt.task_id not in errands:
            continue
        errand = errands[attempt.task_id]
        if _was_to_fail(errand, attempt) or any(_explains(fault, attempt, e.lease_s) for fault in e.injected):
            continue
        which = f"attempt {attempt.attempt} of {errand.behaviour} {attempt.task_id} on {attempt.worker_id}"
        yield f"{which} is {attempt.state}: {attempt.reason}"


def believed_is_current(e: Evidence) -> Iterator[str]:
    """What is believed of a task comes from its last attempt, and nothing of that is called stale."""
    attempt_of = {line["id"]: run.attempt for run in e.runs for line in run.of("intend")}
    for task in e.tasks:
        for mark in (task.claimed, task.counted):
            if task.status == "completed" and mark in attempt_of and attempt_of[mark] != task.attempt:
                yield f"{task.task_id}, at attempt {task.attempt}, believes attempt {attempt_of[mark]}"
        if task.status == "completed" and task.counted is None and task.key in e.told.assigned:
            yield f"{task.task_id} is completed without the claim of its agent"
    last = {task.task_id: task.attempt for task in e.tasks}
    for event in e.logged:
        if event.stale and event.attempt >= last.get(event.task_id, 0):
            yield f"{event.kind} {event.event_id} of the current attempt of {event.task_id} is called stale"


def cancelled_for_good(e: Evidence) -> Iterator[str]:
    """After an acknowledged cancellation no attempt of the task begins."""
    for attempt in e.attempts:
        at = e.told.cancelled_at.get(attempt.task_id)
        if at is not None and attempt.assigned_at > at + BLINK_S:
            yield f"attempt {attempt.attempt} of {attempt.task_id} was assigned after it was cancelled"


def questions_closed_once(e: Evidence) -> Iterator[str]:
    """Each question that was acknowledged is there once, and has one end."""
    asked = Counter(question.mark for question in e.questions if question.mark)
    closings = Counter(d.question_id for d in e.decided if d.kind in CLOSING_KINDS)
    for question in e.questions:
        if question.state not in CLOSED:
            yield f"{question.question_id} of {question.task_id} is {question.state}"
        elif closings[question.question_id] != 1:
            yield f"the end of {question.question_id} is told {closings[question.question_id]} times"
    for run in e.runs:
        for line in run.of("acked"):
            if line["tool"] == "ask_manager" and asked[line["id"]] != 1:
                yield f"question {line['id']} of {_name(run)} is there {asked[line['id']]} times"


def answered_once(e: Evidence) -> Iterator[str]:
    """Each answer is the one that was acknowledged to the manager, and the one that the agent got."""
    kept = {question.question_id: question for question in e.questions}
    for question in e.questions:
        if question.state == ANSWERED and question.answer not in e.told.tried.get(question.question_id, ()):
            yield f"{question.question_id} has the answer {question.answer!r}, which nobody gave"
    for question_id, answers in e.told.answered.items():
        if question_id not in kept or set(answers) != {kept[question_id].answer}:
            yield f"{question_id} was acknowledged with {answers}, and has {kept.get(question_id)}"
    for run in e.runs:
        for line in run.of("answer"):
            found = kept.get(line["question_id"])
            if line["state"] == ANSWERED and (found is None or found.answer != line["text"]):
                yield f"{_name(run)} was told {line['text']!r} for {line['question_id']}, and it is {found}"


def questions_in_time(e: Evidence) -> Iterator[str]:
    """No question expires: each may wait for longer than any run lasts."""
    for question in e.questions:
        if question.state == "expired":
            yield f"{question.question_id} of {question.task_id} expired long before its deadline"


def checkpoints_kept(e: Evidence) -> Iterator[str]:
    """An attempt goes on from the last checkpoint that was acknowledged before it began, or from a later one.

    What an attempt saved after it was closed need not be handed out.
    """
    closed = {(attempt.task_id, attempt.attempt): attempt.ended_at for attempt in e.attempts}
    by_task: defaultdict[str, list[Run]] = defaultdict(list)
    for run in e.runs:
        by_task[run.task_id].append(run)
    for runs in by_task.values():
        for run in runs:
            for loaded in run.of("loaded"):
                before = [
                    _steps_saved(other, loaded["at"], closed.get((other.task_id, other.attempt)) or loaded["at"])
                    for other in runs
                    if other.attempt < run.attempt
                ]
                least, most = max((low for low, _ in before), default=-1), max((high for _, high in before), default=-1)
                step = loaded["step"] if loaded["found"] else -1
                if not least <= step <= most:
                    yield f"{_name(run)} goes on from step {step}; saved were {least} to {most}"


def projected_once(e: Evidence) -> Iterator[str]:
    """The projections have each decision that the log has, and no other; stale ones they need not have."""
    decisions = {event.event_id: event for event in e.logged if event.kind == "decision"}
    missing = [event for event in decisions if event not in e.projected and not decisions[event].stale]
    if missing:
        yield f"{len(missing)} decisions are in the log and not in the projections, such as {missing[0]}"
    if unknown := e.projected - decisions.keys():
        yield f"{len(unknown)} decisions are in the projections and not in the log, such as {min(unknown)}"


def audited_once(e: Evidence) -> Iterator[str]:
    """The audit log is one whole chain, and has each critical decision once."""
    yield from (f"entry {entry.seq} of the audit log: {entry.wrong}" for entry in e.audit if entry.wrong)
    entries = Counter(entry.event_id for entry in e.audit if entry.event_id)
    for decided in e.decided:
        if decided.kind in CRITICAL_KINDS and entries[decided.event_id] != 1:
            yield f"{decided.kind} {decided.event_id} has {entries[decided.event_id]} entries in the audit log"


def shown_once(e: Evidence) -> Iterator[str]:
    """The manager sees what an agent streamed, each once, whether Redis is there or not."""
    for task_id, marks in e.shown.items():
        seen = Counter(marks)
        streamed = [
            line["id"]
            for run in e.runs
            if run.task_id == task_id
            for line in run.of("acked")
            if line["tool"] == "stream_realtime_data"
        ]
        if wrong := [mark for mark in streamed if seen[mark] != 1]:
            yield f"of what {task_id} streamed, {len(wrong)} of {len(streamed)} are not seen once, such as {wrong[0]}"


def nothing_left(e: Evidence) -> Iterator[str]:
    """No process of an agent runs, no slot is taken, every worker is there, and no outbox holds anything."""
    yield from (f"still runs: {process}" for process in e.alive)
    for worker in e.workers:
        if worker.status != "online":
            yield f"{worker.worker_id} is {worker.status}"
        elif worker.slots_free is not None and worker.slots_free != worker.slots_total:
            yield f"{worker.worker_id} has {worker.slots_free} of {worker.slots_total} slots free"
    yield from (f"the outbox of {schema} holds {many} rows" for schema, many in e.unsent.items() if many)


def nothing_refused(e: Evidence) -> Iterator[str]:
    """No message of the platform's own is a dead letter."""
    for schema, reasons in e.dead_letters.items():
        yield from (f"{schema} has a dead letter: {reason}" for reason in dict.fromkeys(reasons))


def services_stay(e: Evidence) -> Iterator[str]:
    """No process ends by itself, and one that is told to ends within its grace period."""
    for end in e.ends:
        if not end.wanted:
            yield f"{end.name} ended by itself with {end.code}"
    for stop in e.stops:
        if stop.forced or stop.code != 0:
            yield f"{stop.name} was told to stop, took {stop.took_s} s and ended with {stop.code}"


def doors_stay_open(e: Evidence) -> Iterator[str]:
    """No agent is turned away by a worker that takes its reports again later."""
    for run in e.runs:
        away = [line["at"] for line in run.of("turned_away")]
        if away and any(line["at"] > away[0] for line in run.of("acked")):
            yield f"{_name(run)} was turned away {len(away)} times in the middle of its attempt"


INVARIANTS: Mapping[str, Check] = {
    holds.__name__: holds
    for holds in (
        assigned_once,
        ended,
        ended_as_it_should,
        told_once,
        counted_once,
        logged_once,
        logged_from_somewhere,
        logged_in_order,
        run_once,
        one_at_a_time,
        closed_for_a_reason,
        believed_is_current,
        cancelled_for_good,
        questions_closed_once,
        answered_once,
        questions_in_time,
        checkpoints_kept,
        projected_once,
        audited_once,
        shown_once,
        nothing_left,
        nothing_refused,
        services_stay,
        doors_stay_open,
    )
}


HEAL = frozenset(
    {
        "assigned_once",
        "ended",
        "told_once",
        "counted_once",
        "logged_once",
        "questions_closed_once",
        "answered_once",
        "projected_once",
        "audited_once",
        "shown_once",
        "nothing_left",
    }
)
"""Invariants that hold only once everything has arrived; what violates another will do so for ever."""


def may_heal(violations: Collection[Violation]) -> bool:
    """Whether waiting makes a difference."""
    return any(violation.invariant in HEAL for violation in violations)


def _with_errands(e: Evidence) -> Iterator[tuple[Task, Errand]]:
    errands = {errand.key: errand for errand in e.errands}
    for task in e.tasks:
        if task.key in errands:
            yield task, errands[task.key]


def _allowed(task: Task, errand: Errand, e: Evidence) -> frozenset[str]:
    if errand.behaviour in TO_BE_CANCELLED:
        return frozenset({"cancelled"})
    own = {Behaviour.hanger: "timed_out", Behaviour.failing: "failed"}.get(errand.behaviour, "completed")
    used_up = task.burned >= task.max_attempts and _has_faults(task, e)
    return frozenset({own, "failed"}) if used_up else frozenset({own})


def _has_faults(task: Task, e: Evidence) -> bool:
    mine = [attempt for attempt in e.attempts if attempt.task_id == task.task_id]
    return any(_explains(fault, attempt, e.lease_s) for fault in e.injected for attempt in mine)


def _was_to_fail(errand: Errand, attempt: Attempt) -> bool:
    """Whether its agent fails by itself in that attempt."""
    first = errand.behaviour in (Behaviour.crasher, Behaviour.suicide) and attempt.attempt == 1
    return first or errand.behaviour is Behaviour.failing


def _explains(fault: Injected, attempt: Attempt, lease_s: float) -> bool:
    """Whether the fault hit the attempt's worker or sandbox while it lived, or so shortly before its end."""
    number = attempt.worker_id.removeprefix("worker-")
    hit = fault.victim in (attempt.worker_id, f"sandbox-{number}")
    if fault.fault not in HITS_A_WORKER or not hit or attempt.ended_at is None:
        return False
    over = fault.ended_at + lease_s + SETTLES_S
    return (
        fault.begun_at <= attempt.ended_at
        and attempt.assigned_at <= fault.ended_at + SETTLES_S
        and attempt.ended_at <= over
    )


def _successive(attempts: Iterable[Attempt]) -> Iterator[tuple[Attempt, Attempt]]:
    by_task: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_task[attempt.task_id].append(attempt)
    for mine in by_task.values():
        mine.sort(key=lambda one: one.attempt)
        yield from pairwise(mine)


def _steps_saved(run: Run, before: float, closed_at: float) -> tuple[int, int]:
    """The last step that a run had saved while it counted, and the last that it may have saved by then."""
    sure = tried = step = -1
    for line in run.lines:
        if line["at"] > before:
            break
        if line["did"] == "effect":
            step = line["step"]
        elif line.get("tool") == "save_checkpoint" and line["did"] == "intend":
            tried = step
        elif line.get("tool") == "save_checkpoint" and line["did"] == "acked" and line["at"] < closed_at:
            sure = step
    return sure, tried


def _by_mark(e: Evidence) -> defaultdict[str, list[Logged]]:
    """What agents reported, by the id of the call; what was only seen of them is left out."""
    found: defaultdict[str, list[Logged]] = defaultdict(list)
    for event in e.logged:
        if event.evidence == "reported":
            for mark in event.marks:
                found[mark].append(event)
    return found


def _name(run: Run) -> str:
    return f"attempt {run.attempt} of {run.task_id}"

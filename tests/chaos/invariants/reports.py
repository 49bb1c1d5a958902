"""What must hold of what agents reported: log, projections, audit log, live tail, checkpoints."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.evidence import Evidence, Logged, Run
from tests.chaos.invariants.causes import name_of
from tests.chaos.states import CLOSING_KINDS, TERMINAL_KINDS

CRITICAL_KINDS = frozenset({"task.queued", "task.assigned", "task.requeued"}) | TERMINAL_KINDS | CLOSING_KINDS


def logged_once(e: Evidence) -> Iterator[str]:
    """Each acknowledged report is in the log once, as the event that was named; no other report is there twice."""
    by_mark = _by_mark(e)
    for run in e.runs:
        for line in run.of("acked"):
            if "event_id" not in line or line["tool"] == "get_answer":
                continue
            found = [event.event_id for event in by_mark[line["id"]]]
            if found != [line["event_id"]]:
                yield f"{line['tool']} {line['id']} of {name_of(run)} was acknowledged as {line['event_id']}: {found}"
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
                yield f"{event.kind} {mark} of {where} comes from {run and name_of(run)}"


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
            yield f"{name_of(run)} was told these numbers: {seqs}"


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
                    yield f"{name_of(run)} goes on from step {step}; saved were {least} to {most}"


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

"""The texts of the prompts: what to do, and the figures as they are now."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from contracts.questions import QuestionView
from contracts.tasks import TaskState, TaskView
from contracts.workers import WorkerStatus, WorkerView
from mcp_gateway.decisions.wording import shorten
from mcp_gateway.domain import addresses
from mcp_gateway.domain.prompting import Audience, Period, PlanRollout, TriageFailures, WeeklyReport

FAILURES = (TaskState.failed, TaskState.timed_out)
SHOWN = 20
"""Most tasks or workers that a prompt names."""
_LINE = 200

_LENGTHS = {
    Period.last_hour: timedelta(hours=1),
    Period.last_6_hours: timedelta(hours=6),
    Period.last_24_hours: timedelta(hours=24),
    Period.last_7_days: timedelta(days=7),
    Period.last_30_days: timedelta(days=30),
    Period.last_90_days: timedelta(days=90),
}
_FOR = {
    Audience.engineering: "Write for engineers: name tasks, errors and figures with their evidence; end with what to "
    "mend first.",
    Audience.management: "Write for managers, one page: what was reached, what it took, what is at risk, what you "
    "need from them. No ids beside the text, no jargon.",
    Audience.operations: "Write for those who run the fleet: load of the workers, waiting times, outages, limits "
    "that were hit; end with what to change in the setup.",
}


def length_of(period: Period) -> timedelta:
    """How long it is."""
    return _LENGTHS[period]


def in_words(period: Period) -> str:
    """`the last 24 hours`."""
    return f"the {period.value.replace('_', ' ')}"


def rollout(given: PlanRollout, fleet: Sequence[WorkerView], busy: int) -> str:
    """`plan_rollout`."""
    free = sum(worker.slots_free for worker in fleet if worker.status is WorkerStatus.online)
    terms = [
        f"- repository: {given.repository}" if given.repository else "- repository: ask me if it is not plain",
        f"- workers: only {', '.join(given.workers)}" if given.workers else "- workers: any that fit",
        f"- agent: {given.agent}" if given.agent else "",
        f"- priority: {given.priority.value}",
    ]
    return _paragraphs(
        f"Plan how the fleet reaches this goal, and carry the plan out once I have agreed to it:\n\n{given.goal}",
        _lines("Terms:", filter(None, terms)),
        _lines(f"The fleet now ({free} slots free, {busy} tasks queued or at work):", map(_worker_line, fleet[:SHOWN])),
        _lines(
            "Steps:",
            [
                "1. Cut the goal into tasks that each end in something that can be checked. Give every task a "
                "description that stands alone, and requirements: repository, ref, a branch of its own, and verify "
                "commands, which the platform runs itself on the result.",
                "2. Put them into waves: a wave holds what does not depend on one another, and no more tasks than "
                f"there are free slots ({free} now).",
                "3. Show me the waves as a table, with what could go wrong, and wait for my word.",
                "4. Assign a wave with assign_task; give each task an idempotency_key, so that a repeat is harmless.",
                "5. Follow each task with monitor_task and wait: true. Workers ask meanwhile: list_questions shows "
                "what, answer_worker_question answers. Ask me where you are not sure.",
                "6. Begin the next wave only when all of this one is verified, not merely reported. If more than a "
                "third of a wave fails, stop and tell me why instead of trying again.",
            ],
        ),
    )


def triage(given: TriageFailures, failed: Sequence[TaskView], whole: bool) -> str:
    """`triage_failures`."""
    of = f" of {given.worker_id}" if given.worker_id else ""
    since = in_words(given.time_range)
    if not failed:
        return (
            f"No task{of} that was created in {since} has failed or timed out. Check with error_analysis "
            f'{{"time_range": "{given.time_range}"}} whether errors were met and overcome, and tell me in three lines.'
        )
    counted = f"{'' if whole else 'at least '}{len(failed)}"
    return _paragraphs(
        f"Find out why tasks{of} fail, and what to do about it.",
        f"{counted} tasks that were created in {since} have failed or timed out.",
        _lines("Reasons, most frequent first:", _reasons(failed)),
        _lines(f"The newest {min(len(failed), SHOWN)}:", map(_task_line, failed[:SHOWN])),
        _lines(
            "Steps:",
            [
                "1. Put failures with the same cause together; equal words are a hint, not a proof. error_analysis "
                f'{{"time_range": "{given.time_range}", "include_recovery": true}} groups the errors behind them.',
                "2. For each group look at one or two tasks with monitor_task (include_streams, include_analytics), "
                "and at their last steps with view_realtime_streams.",
                "3. Say whose fault it is: the task's (its description or verify commands), the worker's (its tools, "
                "memory, limits), the code's under work, or the platform's. Name the evidence: reported, observed or "
                "verified.",
                "4. Propose for each group one thing to do: retry_task, a better description, manage_workers "
                "(restart, drain, update_config), or an answer that a worker waits for.",
                "5. Show me the groups as a table, and wait for my word before you change anything.",
            ],
        ),
    )


def report(
    given: WeeklyReport,
    tasks: Sequence[TaskView],
    whole: bool,
    fleet: Sequence[WorkerView],
    questions: Sequence[QuestionView],
) -> str:
    """`weekly_report`."""
    period = f'{{"time_range": "{given.time_range}"}}'
    states = Counter(task.status.value for task in tasks)
    counts = ", ".join(f"{states[state.value]} {state.value}" for state in TaskState if states[state.value]) or "none"
    online = sum(worker.status is WorkerStatus.online for worker in fleet)
    return _paragraphs(
        f"Write a report on the fleet's work in {in_words(given.time_range)}.",
        _FOR[given.audience],
        _lines(
            "As it stands now:",
            [
                f"- tasks created in that time{'' if whole else f' (the newest {len(tasks)})'}: {counts}",
                f"- workers: {online} of {len(fleet)} online",
                f"- open questions of workers: {len(questions)}",
            ],
        ),
        _lines(
            "Steps:",
            [
                f'1. Get the figures: performance_report {{"report_type": "system", "time_range": '
                f'"{given.time_range}"}}, quality_dashboard {period}, error_analysis {period}, and analyze_decisions '
                f"{period} where a choice explains a result.",
                "2. Compare with the time before; say what is better, what is worse, and why. A figure with few "
                "samples is no trend: say how many there are.",
                "3. Tell apart what is verified, observed and only reported.",
                "4. Name the three things that matter most for the next such time, each with who should do what.",
            ],
        ),
    )


def question(asked: QuestionView, task: TaskView | None) -> str:
    """`answer_question`."""
    options = (
        f"Options: {' | '.join(map(_line, asked.options))}"
        if asked.options
        else "No options were given: answer in words."
    )
    default = f"Without an answer it goes on with: {asked.default_answer}" if asked.default_answer else ""
    return _paragraphs(
        f"{asked.worker_id} asks ({asked.question_type}, {asked.priority}):\n\n{asked.question}",
        asked.context or "",
        "\n".join(part for part in (options, default) if part),
        f"It works on: {shorten(task.description, 1_000)}" if task else "",
        _lines(
            "Steps:",
            [
                "1. Look at what the worker has done so far: monitor_task and view_realtime_streams, if there is a "
                "task. list_questions with state answered shows how questions like this were answered before.",
                "2. Propose an answer, with the reason in a line or two, and what the worker should know beside it. "
                "Wait for my word.",
                f"3. Give it with answer_worker_question, question_id {asked.question_id}.",
            ],
        ),
    )


def _reasons(failed: Iterable[TaskView]) -> list[str]:
    counted = Counter(_first_line(task.reason) for task in failed)
    return [f"- {count} × {reason}" for reason, count in counted.most_common(SHOWN)]


def _first_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return shorten(lines[0], _LINE) if lines else "no reason given"


def _task_line(task: TaskView) -> str:
    worker = task.assigned_worker or "no worker"
    about = shorten(" ".join(task.description.split()), 80)
    return f"- {addresses.task(task.task_id)} ({task.status}, {worker}, attempt {task.attempt}): {about}"


def _worker_line(worker: WorkerView) -> str:
    able = ", ".join([*worker.capabilities, *worker.tags]) or "nothing named"
    free = f"{worker.slots_free} of {worker.slots_total} slots free"
    return f"- {worker.worker_id} ({worker.status}, {free}): {shorten(able, _LINE)}"


def _lines(title: str, lines: Iterable[str]) -> str:
    return "\n".join([title, *(list(lines) or ["- none"])])


def _line(text: str) -> str:
    return " ".join(text.split())


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)

"""Write prompts from what there is now."""

import asyncio

from contracts.base import Page
from contracts.problems import FieldError
from contracts.questions import QuestionState, QuestionView
from contracts.tasks import TaskState, TaskView
from contracts.workers import WorkerView
from mcp_gateway.decisions import prompting as texts
from mcp_gateway.decisions.wording import shorten
from mcp_gateway.domain import addresses
from mcp_gateway.domain.inputs import MAX_PAGE, ListQuestions, ListTasks
from mcp_gateway.domain.outputs import QuestionList
from mcp_gateway.domain.prompting import (
    AnswerQuestionPrompt,
    Attached,
    Brief,
    PlanRollout,
    TriageFailures,
    WeeklyReport,
)
from mcp_gateway.errors import GatewayError, InvalidInput
from mcp_gateway.ports import Call

_BUSY = [TaskState.queued, TaskState.assigned, TaskState.running, TaskState.paused, TaskState.waiting]
_SHOWN = 80


async def plan_rollout(given: PlanRollout, call: Call) -> Brief:
    """A plan for the fleet as it is. Raises InvalidInput for a worker that there is not."""
    orchestrator = call.upstreams.orchestrator
    workers, busy = await asyncio.gather(
        orchestrator.workers(None, None, MAX_PAGE), orchestrator.tasks(ListTasks(status=_BUSY, limit=MAX_PAGE))
    )
    return Brief(texts.rollout(given, _chosen(given, workers), len(busy.items)))


async def triage_failures(given: TriageFailures, call: Call) -> Brief:
    """The failures of a time, and what workers ask meanwhile. Raises NotFound for a worker that there is not."""
    if given.worker_id is not None:
        await call.upstreams.orchestrator.worker(given.worker_id)
    since = call.now() - texts.length_of(given.time_range)
    query = ListTasks(status=[*texts.FAILURES], worker_id=given.worker_id, since=since, limit=MAX_PAGE)
    failed, questions = await asyncio.gather(call.upstreams.orchestrator.tasks(query), _open_questions(call))
    return Brief(texts.triage(given, failed.items, failed.next_cursor is None), _attached(questions))


async def weekly_report(given: WeeklyReport, call: Call) -> Brief:
    """How the work of a time stands."""
    since = call.now() - texts.length_of(given.time_range)
    tasks, workers, questions = await asyncio.gather(
        call.upstreams.orchestrator.tasks(ListTasks(since=since, limit=MAX_PAGE)),
        call.upstreams.orchestrator.workers(None, None, MAX_PAGE),
        _open_questions(call),
    )
    text = texts.report(given, tasks.items, tasks.next_cursor is None, workers.items, questions)
    return Brief(text, _attached(questions))


async def answer_question(given: AnswerQuestionPrompt, call: Call) -> Brief:
    """One open question, with the task that it is about. Raises NotFound, and InvalidInput for one that is closed."""
    asked = await call.upstreams.questions.question(given.question_id)
    if asked.state is not QuestionState.open:
        wrong = FieldError(field="question_id", message=f"is {asked.state} already", value=given.question_id)
        raise InvalidInput("the question is closed", errors=[wrong])
    return Brief(texts.question(asked, await _task_of(asked, call)))


def _chosen(given: PlanRollout, page: Page[WorkerView]) -> list[WorkerView]:
    known = [worker.worker_id for worker in page.items]
    unknown = [worker_id for worker_id in given.workers if worker_id not in known]
    if unknown and page.next_cursor is None:
        shown = shorten(", ".join(unknown), _SHOWN)
        wrong = FieldError(field="workers", message="there is no such worker", value=shown, allowed=known)
        raise InvalidInput("a worker is not known", errors=[wrong])
    return [worker for worker in page.items if not given.workers or worker.worker_id in given.workers]


async def _open_questions(call: Call) -> list[QuestionView]:
    return (await call.upstreams.questions.questions(ListQuestions(limit=MAX_PAGE))).items


async def _task_of(asked: QuestionView, call: Call) -> TaskView | None:
    if asked.task_id is None:
        return None
    try:
        return await call.upstreams.orchestrator.task(asked.task_id)
    except GatewayError:
        return None


def _attached(questions: list[QuestionView]) -> tuple[Attached, ...]:
    if not questions:
        return ()
    listed = QuestionList(questions=questions)
    return (Attached(addresses.QUESTIONS, listed.model_dump_json(exclude_none=True, indent=2)),)

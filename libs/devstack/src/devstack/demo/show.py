"""The demo: start, fetch, assign, watch, answer, print, stop."""

import asyncio
import shlex
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from contracts.questions import QuestionView
from contracts.tasks import TaskState
from devstack.calls import Answer, Target, with_path
from devstack.cli.pictures import one_line, view_for
from devstack.demo.answering import answerer_for
from devstack.demo.figures import figure_lines
from devstack.demo.project import TITLE, fetch_project
from devstack.demo.running import Running, running_system
from devstack.errors import DevstackError
from devstack.gateway import Gateway, open_gateway
from devstack.paths import Layout
from devstack.views import TaskReport
from devstack.watching import looks, patiently

QUEUED_AT_MOST_S = 60.0
CANCEL_WITHIN_S = 5.0


@dataclass(frozen=True)
class Subject:
    """What is audited: where it is, its name, and what the platform runs on the result itself."""

    repository: str
    title: str
    verify: tuple[str, ...] = ()


class Demo:
    """One run of the demo."""

    def __init__(self, place: Layout, workers: int, console: Console) -> None:
        self._place = place
        self._workers = workers
        self._console = console
        self._answerer = answerer_for(console)
        self._since = time.monotonic()

    async def run(self, repository: str | None) -> None:
        """Do it all, and leave things as they were. Raises DevstackError for whatever goes wrong."""
        self._say(f"Starting the system with {self._workers} workers, unless it runs already")
        fetching = asyncio.create_task(self._subject(repository))
        try:
            async with running_system(self._place, self._workers) as system:
                self._say_ready(system)
                async with open_gateway(Target(with_path(system.state.gateway_url))) as gateway:
                    await self._audit(gateway, await fetching)
                self._say("Stopping the system" if system.ours else "The system goes on running; `mews down` stops it")
        finally:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)
        self._say("Done. By hand: `make up`, then `.venv/bin/mews assign DESCRIPTION --repo PATH --watch`")

    async def _subject(self, repository: str | None) -> Subject:
        if repository:
            return Subject(repository, repository.rstrip("/").rpartition("/")[2])
        project = await fetch_project(self._place.mews / "demo", self._place.logs / "demo.log")
        return Subject(str(project), TITLE, (_own_tests(),))

    async def _audit(self, gateway: Gateway, subject: Subject) -> None:
        task_id = await self._assign(gateway, subject)
        ended = False
        try:
            report = await self._watch(gateway, task_id)
            ended = True
        finally:
            if not ended:
                await _withdraw(gateway, task_id)
        answer = await patiently(lambda: _monitor(gateway, task_id))
        self._say(f"The answer of monitor_task {task_id}:")
        self._console.print(Text(f"\n{answer.text}\n"), soft_wrap=True)
        if report.state is not TaskState.completed:
            raise DevstackError(f"the task ended as {report.state}: {report.reason or 'no reason given'}")
        self._say(f"In short, {subject.title}:")
        for line in figure_lines(answer.structure):
            self._console.print(Text(f"    {line}", "bold"))

    async def _assign(self, gateway: Gateway, subject: Subject) -> str:
        self._say(f"assign_task: audit {subject.title}, {subject.repository}")
        task = {
            "description": f"Audit {subject.title}: tests with coverage, complexity, vulnerabilities, dependencies",
            "requirements": {"agent": "auditor", "repository": subject.repository, "verify": list(subject.verify)},
            "max_attempts": 1,
        }
        return str((await gateway.call("assign_task", task)).structure["task_id"])

    async def _watch(self, gateway: Gateway, task_id: str) -> TaskReport:
        since = time.monotonic()
        report: TaskReport | None = None
        asked: set[str] = set()
        with view_for(self._console) as view:
            async for look in looks(gateway, task_id):
                report = look.report
                view.show(look)
                _check_queue(report, time.monotonic() - since)
                for question in report.questions:
                    if question.question_id not in asked:
                        asked.add(question.question_id)
                        with view.aside():
                            await self._answer(gateway, question)
        assert report is not None
        return report

    async def _answer(self, gateway: Gateway, question: QuestionView) -> None:
        async def still_open() -> bool:
            asked = {"task_id": question.task_id}
            questions = (await gateway.call("list_questions", asked)).structure["questions"]
            return any(other["question_id"] == question.question_id for other in questions)

        text = await self._answerer.answer(question, still_open)
        if text is None:
            return
        self._say(f"answer_worker_question, {self._answerer.name}: {one_line(question.question)} → {one_line(text)}")
        given = {"question_id": question.question_id, "answer": text}
        await patiently(lambda: gateway.call("answer_worker_question", given))

    def _say_ready(self, system: Running) -> None:
        how = "is ready" if system.ours else "runs already"
        self._say(f"The system {how}: MCP endpoint {system.state.gateway_url}/mcp, logs in {self._place.logs}")

    def _say(self, what: str) -> None:
        self._console.print(Text(f"▸ {time.monotonic() - self._since:5.1f}s  {what}", "bold cyan"), soft_wrap=True)


def _own_tests() -> str:
    """The project's tests as one runs them by hand, with nothing that is merely installed or configured around them."""
    alone = "-p no:cacheprovider -c /dev/null --rootdir ."
    return f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {shlex.quote(sys.executable)} -m pytest -q {alone}"


def _check_queue(report: TaskReport, seconds: float) -> None:
    if report.state is TaskState.queued and seconds > QUEUED_AT_MOST_S:
        raise DevstackError(f"no worker took the task within {QUEUED_AT_MOST_S:g} s: {report.reason or 'no reason'}")


async def _monitor(gateway: Gateway, task_id: str) -> Answer:
    return await gateway.call("monitor_task", {"task_id": task_id, "include_streams": True, "include_analytics": True})


async def _withdraw(gateway: Gateway, task_id: str) -> None:
    """Cancel a task that nobody waits for any more, so that no later start of the system takes it up again."""
    with suppress(DevstackError, TimeoutError):
        async with asyncio.timeout(CANCEL_WITHIN_S):
            await gateway.call("cancel_task", {"task_id": task_id, "reason": "the demo was ended"})

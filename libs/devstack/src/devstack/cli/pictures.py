"""A task that is being watched, on a terminal (one picture that changes) or anywhere else (line after line)."""

import json
import re
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from contracts.questions import QuestionView
from contracts.tasks import TaskState
from contracts.telemetry import TailEntry
from devstack.views import TaskReport
from devstack.watching import Look

SHOWN_ENTRIES = 10
SHOWN_MILESTONES = 6
LINE = 240
ENTRY_LINES = 20
BAR = 40

STATE_STYLES = {
    TaskState.completed: "bold green",
    TaskState.failed: "bold red",
    TaskState.timed_out: "bold red",
    TaskState.cancelled: "bold yellow",
    TaskState.waiting: "bold yellow",
}
ENTRY_STYLES = {
    "error": "red",
    "milestone": "green",
    "completion": "green",
    "decision": "magenta",
    "planning": "blue",
    "plan": "blue",
    "thinking": "cyan",
    "question": "yellow",
    "tool_call": "dim",
}
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class View(ABC):
    """What is shown of the looks at a task; used as a block, so that a terminal is left as it was."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @abstractmethod
    def show(self, look: Look) -> None:
        """Show what is new."""

    @contextmanager
    def aside(self) -> Generator[None]:
        """Leave the terminal to others for the block."""
        yield


class LinesView(View):
    """A line for each thing that happens, with the seconds since the first look."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._since = time.monotonic()
        self._head = ""
        self._asked: set[str] = set()

    def show(self, look: Look) -> None:
        """Print what is new."""
        for entry in look.fresh:
            self._print(*entry_lines(entry))
        if (head := head_line(look.report)) != self._head:
            self._head = head
            self._print(head)
        for question in look.report.questions:
            if question.question_id not in self._asked:
                self._asked.add(question.question_id)
                self._print(*question_lines(question))

    def _print(self, first: str, *others: str) -> None:
        lines = [f"{time.monotonic() - self._since:6.1f}s  {first}", *(f"{'':9}{line}" for line in others)]
        self._console.print(Text("\n".join(lines)), soft_wrap=True)


class LiveView(View):
    """A picture that changes in place, and the last of which stays."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._entries: deque[TailEntry] = deque(maxlen=SHOWN_ENTRIES)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, look: Look) -> None:
        """Draw the picture anew."""
        self._entries.extend(look.fresh)
        self._live.update(picture(look.report, self._entries), refresh=True)

    @contextmanager
    def aside(self) -> Generator[None]:
        """Leave the terminal to others for the block."""
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()


class JsonView(View):
    """One JSON object a line for each look that shows something new."""

    def __init__(self) -> None:
        self._last: TaskReport | None = None

    def show(self, look: Look) -> None:
        """Print what is new."""
        if look.fresh or look.report != self._last:
            entries = [entry.to_dict() for entry in look.fresh]
            print(json.dumps({"task": look.report.to_dict(), "entries": entries}), flush=True)
        self._last = look.report


def view_for(console: Console, *, as_json: bool = False) -> View:
    """The view that suits the output."""
    if as_json:
        return JsonView()
    return LiveView(console) if console.is_terminal else LinesView(console)


def picture(report: TaskReport, entries: Iterable[TailEntry]) -> RenderableType:
    """The task as one picture."""
    return Group(
        _head(report),
        _bar(report),
        Text(one_line(report.current_operation or report.reason or ""), style="dim", no_wrap=True, overflow="ellipsis"),
        *[
            Text(f"  ✓ {one_line(fact.milestone_name)}", style="green")
            for fact in report.milestones[-SHOWN_MILESTONES:]
        ],
        Text(""),
        *[_entry(entry) for entry in entries],
        *[Text("\n".join(question_lines(question)), style="yellow") for question in report.questions],
    )


def head_line(report: TaskReport) -> str:
    """State, percent, phase and operation in one line."""
    parts = [report.status if report.status == report.state else f"{report.state}, {report.status}"]
    parts.append(f"{report.percent_complete:.0f}%")
    if report.assigned_worker:
        parts.append(report.assigned_worker + (f" (attempt {report.attempt})" if report.attempt > 1 else ""))
    said = report.reason if report.has_ended or not report.assigned_worker else report.current_operation
    return " · ".join(parts + ([one_line(said)] if said else []))


def entry_line(entry: TailEntry) -> str:
    """An entry of the stream in one line."""
    stale = " (stale)" if entry.stale else ""
    return f"[{entry.stream_type or entry.kind}] {one_line(entry.content)}{stale}"


def entry_lines(entry: TailEntry) -> list[str]:
    """An entry of the stream in as many lines as it has, up to a limit."""
    given = [line for line in entry.content.splitlines() if line.strip()] or [""]
    shown = [entry_line(entry.model_copy(update={"content": given[0]}))]
    shown += [f"  {one_line(line)}" for line in given[1:ENTRY_LINES]]
    return shown + ([f"  … {len(given) - ENTRY_LINES} more lines"] if len(given) > ENTRY_LINES else [])


def question_lines(question: QuestionView) -> list[str]:
    """A question, what it can be answered with, and how."""
    lines = [f"? {one_line(question.question)}"]
    if question.options:
        lines.append(f"  options: {' | '.join(map(one_line, question.options))}")
    if question.default_answer:
        lines.append(f"  if nobody answers: {one_line(question.default_answer)}")
    return [*lines, f"  answer with: mews answer {question.question_id} TEXT"]


def one_line(text: str, length: int = LINE) -> str:
    """A text without line breaks and control characters, which a worker's output may hold, and not too long."""
    plain = " ".join(_CONTROL.sub("", text).split())
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def _head(report: TaskReport) -> Text:
    head = Text(f"{report.task_id}  ")
    head.append(report.state.value, STATE_STYLES.get(report.state, "bold"))
    if report.assigned_worker:
        most = f" of {report.max_attempts}" if report.attempt <= report.max_attempts else ""
        head.append(f"  {report.assigned_worker}, attempt {report.attempt}{most}", "dim")
    return head


def _bar(report: TaskReport) -> Table:
    row = Table.grid(padding=(0, 1))
    row.add_row(
        ProgressBar(total=100, completed=report.percent_complete, width=BAR),
        Text(f"{report.percent_complete:3.0f}%"),
        Text(one_line(report.phase or ""), no_wrap=True, overflow="ellipsis"),
    )
    return row


def _entry(entry: TailEntry) -> Text:
    style = ENTRY_STYLES.get(entry.stream_type or entry.kind, "")
    return Text(f"  {entry_line(entry)}", style, no_wrap=True, overflow="ellipsis")

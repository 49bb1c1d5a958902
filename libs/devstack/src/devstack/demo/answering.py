"""The answers to what the worker asks: from whoever sits at the terminal, otherwise the default."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from rich.console import Console
from rich.text import Text

from contracts.questions import QuestionView

LOOK_AGAIN_S = 1.0
StillOpen = Callable[[], Awaitable[bool]]


class Person:
    """Somebody at the terminal. Enter alone means the default, a number means that option."""

    name = "by hand"

    def __init__(self, console: Console) -> None:
        self._console = console

    async def answer(self, question: QuestionView, still_open: StillOpen) -> str | None:
        """What they type; None when the question was closed meanwhile, or there is nothing to answer with."""
        self._console.print(_asked(question))
        self._console.print(Text(f"your answer [{default_of(question) or 'needed'}]: ", "bold"), end="")
        async with _typed_lines() as lines:
            while True:
                try:
                    line = await asyncio.wait_for(lines.get(), LOOK_AGAIN_S)
                except TimeoutError:
                    if not await still_open():
                        self._console.print("(answered meanwhile)")
                        return None
                    continue
                return chosen(question, line)


class Nobody:
    """No terminal: the default, or the first option."""

    name = "by default"

    async def answer(self, question: QuestionView, still_open: StillOpen) -> str | None:
        """The default at once."""
        return default_of(question)


Answerer = Person | Nobody


def answerer_for(console: Console) -> Answerer:
    """Who answers here."""
    return Person(console) if sys.stdin.isatty() and console.is_terminal else Nobody()


def default_of(question: QuestionView) -> str | None:
    """What is answered when nobody says otherwise."""
    return question.default_answer or (question.options[0] if question.options else None)


def chosen(question: QuestionView, line: str) -> str | None:
    """The answer that a typed line means."""
    text = line.strip()
    if not text:
        return default_of(question)
    if text.isdecimal() and 1 <= int(text) <= len(question.options):
        return question.options[int(text) - 1]
    return text


def _asked(question: QuestionView) -> Text:
    text = Text(f"\nThe worker asks: {question.question}\n", "bold yellow")
    if question.context:
        text.append(f"{question.context}\n", "default")
    for number, option in enumerate(question.options, start=1):
        text.append(f"  {number}. {option}\n", "yellow")
    return text


@asynccontextmanager
async def _typed_lines() -> AsyncGenerator[asyncio.Queue[str]]:
    """Lines as they are typed; an empty one at the end of the input."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: lines.put_nowait(sys.stdin.readline()))
    try:
        yield lines
    finally:
        loop.remove_reader(sys.stdin)

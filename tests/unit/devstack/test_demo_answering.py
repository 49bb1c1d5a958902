import io
import os
import pty
import sys
from collections.abc import Iterator

import pytest
from rich.console import Console

from devstack.demo.answering import Nobody, Person, chosen, default_of
from tests.support.views import open_question
from tests.support.waiting import eventually

QUESTION = open_question(options=["strict", "standard", "report-only"], default_answer="standard")


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal as standard input; what is written to the descriptor has been typed."""
    master, slave = pty.openpty()
    with os.fdopen(slave) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        yield master
    os.close(master)


async def is_open() -> bool:
    return True


async def is_closed() -> bool:
    return False


def test_nothing_typed_means_the_default():
    assert chosen(QUESTION, "\n") == "standard"
    assert default_of(open_question(options=["a", "b"], default_answer=None)) == "a"
    assert default_of(open_question(options=[], default_answer=None)) is None


def test_a_number_means_that_option_and_anything_else_is_taken_as_it_is():
    assert chosen(QUESTION, "1\n") == "strict"
    assert chosen(QUESTION, "4\n") == "4"
    assert chosen(QUESTION, " only the tests \n") == "only the tests"


async def test_without_a_terminal_the_default_is_the_answer():
    assert await Nobody().answer(QUESTION, is_open) == "standard"


async def test_a_person_sees_the_question_and_types_the_answer(keyboard: int):
    output = io.StringIO()
    os.write(keyboard, b"3\n")
    assert await Person(Console(file=output, width=100)).answer(QUESTION, is_open) == "report-only"
    assert "2. standard" in output.getvalue()
    assert "[standard]" in output.getvalue()


async def test_a_person_who_is_too_slow_is_told_so(keyboard: int):
    output = io.StringIO()
    assert await Person(Console(file=output, width=100)).answer(QUESTION, is_closed) is None
    await eventually(lambda: "answered meanwhile" in output.getvalue())

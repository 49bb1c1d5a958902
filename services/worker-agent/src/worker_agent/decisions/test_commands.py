"""Which of an agent's commands are test runs, and how they ended."""

import re
import shlex
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import PurePosixPath

from pydantic import JsonValue

from contracts.events.recovery import ObservedCommand
from contracts.events.reporting import CallStatus, ToolCall

MOST_KEPT = 50
MOST_OPEN = 200
MOST_SHOWN = 2_000
MOST_LOOKED_AT = 20_000
MOST_WRAPPERS = 10
MOST_SHELLS = 2
NAMES = ("command", "cmd", "argv")
OPERATORS = ";&|()\n"
ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*=")
SHELLS = frozenset({"sh", "bash", "zsh", "dash"})
ALWAYS = frozenset(
    {"pytest", "py.test", "tox", "nox", "jest", "vitest", "mocha", "ctest", "rspec", "phpunit", "nosetests"}
)
"""Programs that do nothing but run tests."""
ASKED_TO: Mapping[str, frozenset[str]] = {
    "npm": frozenset({"test", "t", "tst"}),
    "yarn": frozenset({"test"}),
    "pnpm": frozenset({"test", "t"}),
    "bun": frozenset({"test"}),
    "deno": frozenset({"test"}),
    "go": frozenset({"test"}),
    "cargo": frozenset({"test", "nextest"}),
    "dotnet": frozenset({"test"}),
    "mix": frozenset({"test"}),
    "swift": frozenset({"test"}),
}
"""Programs that run tests when they are asked to."""
MANY_TARGETS: Mapping[str, frozenset[str]] = {
    "make": frozenset({"test", "tests", "check"}),
    "mvn": frozenset({"test", "verify"}),
    "mvnw": frozenset({"test", "verify"}),
    "gradle": frozenset({"test", "check"}),
    "gradlew": frozenset({"test", "check"}),
}
"""Programs that take several targets, of which one may be the tests."""
ASKS_ONLY = frozenset({"--version", "--help", "-h", "--collect-only", "--co"})
WRAPPERS = frozenset({"sudo", "time", "nice", "env", "command", "exec", "npx", "bunx", "xvfb-run", "stdbuf"})
SCRIPTS = frozenset({"npm", "yarn", "pnpm", "bun"})
"""Programs that run a script of the project as `run`, and a program as `exec` or by its name."""
RUN = SCRIPTS | {"uv", "poetry", "pipenv", "hatch", "rye", "pdm", "coverage", "bundle"}
"""Programs that run another one as `run` or `exec`."""


class TestRuns:
    """The last test runs among an agent's calls of its tools. A call may be told twice: when it begins and ends."""

    __test__ = False

    def __init__(self) -> None:
        self._ended: list[ObservedCommand] = []
        self._begun: dict[str, str] = {}

    @property
    def last(self) -> list[ObservedCommand]:
        """What is known now; a run that did not end has no exit code."""
        open_runs = [ObservedCommand(command=command) for command in self._begun.values()]
        return [*self._ended, *open_runs][-MOST_KEPT:]

    def see(self, call: ToolCall) -> None:
        """Take note of a call, if it is a test run."""
        begun = self._begun.pop(call.call_id, None) if call.call_id is not None else None
        command = command_of(call.arguments) or begun
        if command is None or not is_test_run(command):
            return
        shown = command[:MOST_SHOWN]
        if call.status is CallStatus.started and call.call_id is not None:
            self._begun[call.call_id] = shown
            if len(self._begun) > MOST_OPEN:
                self._begun.pop(next(iter(self._begun)))
        elif call.status is not CallStatus.started:
            ended = ObservedCommand(command=shown, exit_code=call.exit_code, duration_ms=call.duration_ms)
            self._ended = [*self._ended, ended][-MOST_KEPT:]


def command_of(arguments: Mapping[str, JsonValue]) -> str | None:
    """The command line in the arguments of a call, whichever way its tool names it."""
    for name in NAMES:
        given = arguments.get(name)
        if isinstance(given, str) and given.strip():
            return given
        if isinstance(given, list) and given and all(isinstance(part, str) for part in given):
            return shlex.join(str(part) for part in given)
    return None


def is_test_run(command: str) -> bool:
    """Whether a command line runs tests, perhaps among other things."""
    return any(_runs_tests(words) for words in _commands(command[:MOST_LOOKED_AT]))


def _commands(line: str, depth: int = 0) -> Iterator[list[str]]:
    """The commands of a line, each as its words; what a shell is told to run is a line of its own."""
    for operator, words in groupby(_words(line), lambda word: not word.strip(OPERATORS)):
        command = list(words)
        if operator:
            continue
        told = _told_to_shell(command)
        if told is not None and depth < MOST_SHELLS:
            yield from _commands(told, depth + 1)
        else:
            yield command


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=OPERATORS)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        return list(lexer)
    except ValueError:
        return line.split()


def _told_to_shell(words: list[str]) -> str | None:
    if len(words) > 2 and _name(words[0]) in SHELLS and words[1].startswith("-") and "c" in words[1]:
        return words[2]
    return None


def _runs_tests(words: list[str]) -> bool:
    words = _unwrapped(words)
    if not words:
        return False
    program, rest = _name(words[0]), words[1:]
    if program.startswith("python"):
        return _python_runs_tests(rest)
    if program in ALWAYS:
        return not ASKS_ONLY & set(rest)
    asked = [word for word in rest if not word.startswith("-")]
    if program in MANY_TARGETS:
        return any(word.rpartition(":")[2] in MANY_TARGETS[program] for word in asked)
    # A script may have a longer name, such as `test:unit`.
    return bool(asked) and asked[0].partition(":")[0] in ASKED_TO.get(program, frozenset[str]())


def _python_runs_tests(arguments: list[str]) -> bool:
    if "-m" in arguments:
        named = arguments[arguments.index("-m") + 1 :]
        return named[:1] == ["unittest"] or _runs_tests(named)
    return arguments[1:2] == ["test"] and _name(arguments[0]) == "manage.py"


def _unwrapped(words: list[str]) -> list[str]:
    """The command itself, without what only stands before it."""
    for _ in range(MOST_WRAPPERS):
        kept = _without_wrapper(words)
        if kept == words:
            break
        words = kept
    return words


def _without_wrapper(words: list[str]) -> list[str]:
    if not words:
        return words
    first, second = _name(words[0]), words[1] if len(words) > 1 else ""
    if ASSIGNMENT.match(words[0]):
        return words[1:]
    if first == "timeout":
        return _after_options(words[1:])[1:]
    if first in SCRIPTS and second == "run":
        return [words[0], *words[2:]]
    if (first in RUN and second in ("run", "exec")) or (first in SCRIPTS and second in ALWAYS):
        return _after_options(words[2:] if second in ("run", "exec") else words[1:])
    return _after_options(words[1:]) if first in WRAPPERS else words


def _after_options(words: list[str]) -> list[str]:
    return next((words[at:] for at, word in enumerate(words) if not word.startswith("-")), [])


def _name(word: str) -> str:
    return PurePosixPath(word).name.lower()

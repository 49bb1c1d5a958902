"""The words of a history: made once, so that an event only picks some."""

import random

import orjson

LINES = (
    "Considering how refresh tokens rotate, what a stolen one is worth, and which clients must store the new one.",
    "Reading the module before changing it: the cache is filled in two places, and only one of them knows the limit.",
    "The suite is green but for one test; its fixture leaves a connection open.",
    "Splitting the function where it validates and where it writes, so that each can be tested alone.",
    "Next: the migration, then the handler, then the test that fails without it.",
    "collected 412 items / 3 deselected / 409 selected",
    "Nothing calls the old entry point any more; removing it with its test.",
)
STREAM_TYPES = {
    "thinking": 30,
    "executing": 20,
    "output": 25,
    "planning": 8,
    "testing": 8,
    "debugging": 5,
    "tool_call": 2,
    "decision": 1,
    "error": 1,
}
TOOLS = {
    "bash": (1_800, 0.07),
    "edit": (90, 0.03),
    "read": (25, 0.01),
    "grep": (60, 0.005),
    "web_search": (2_500, 0.05),
    "write": (40, 0.01),
}
"""Usual duration in ms, and the share of calls that fail."""
ERRORS = (
    ("ImportError", "warning", "No module named 'pkg_{n}' in /work/run-{h}/src", "installed the package"),
    ("AssertionError", "error", "assert {n} == {m} in test_total", "corrected the expectation"),
    ("TimeoutError", "error", "no answer from 10.0.{o}.{p}:5432 within {n} ms", "tried again later"),
    ("TypeError", "error", "unsupported operand type(s) for +: 'int' and 'str' at line {n}", "converted the value"),
    ("KeyError", "warning", "'customer_{n}'", "used a default"),
    ("PermissionError", "critical", "[Errno 13] Permission denied: '/srv/data/{h}'", "asked for access"),
    ("OSError", "critical", "[Errno 28] No space left on device: '/tmp/build-{h}'", "removed old builds"),
    ("SyntaxError", "info", "invalid syntax (module_{n}.py, line {m})", "corrected the line"),
)
"""Type, severity, message, and what is tried after it."""
DECISIONS = (
    ("architectural", "rotating refresh tokens", ("sliding sessions", "no refresh"), 0.8),
    ("technical", "a partial index", ("a materialized view", "a cache"), 0.75),
    ("tooling", "ruff", ("flake8",), 0.9),
    ("testing", "a property test", ("more examples", "a snapshot"), 0.7),
    ("scope", "leave the old endpoint", ("remove it",), 0.6),
)
QUESTIONS = ("technical", "architectural", "requirements", "priority", "permission", "resource")
PHASES = ("analysis", "planning", "implementation", "testing", "review")
STATUSES = ("analyzing", "planning", "executing", "testing", "reviewing")
FUNCTIONS = ("hash_password", "parse_rows", "render", "load_all", "merge", "serialize", "fetch_page", "match")


def stream_bodies(chance: random.Random, count: int = 2_000) -> list[str]:
    """Bodies of stream lines."""
    types = chance.choices(list(STREAM_TYPES), list(STREAM_TYPES.values()), k=count)
    bodies = [
        {"stream_type": one, "content": _text(chance), "priority": chance.choice(("low", "medium")), "metadata": {}}
        for one in types
    ]
    return [orjson.dumps(body).decode() for body in bodies]


def tool_bodies(chance: random.Random, count: int = 1_000) -> dict[str, list[tuple[str, str]]]:
    """By tool the beginnings of bodies of its calls, and what follows after the duration."""
    return {
        tool: [
            (
                f'{{"tool_name":"{tool}","arguments":{orjson.dumps({"path": f"src/m{n % 90}.py"}).decode()},',
                f'"result":{orjson.dumps(_text(chance)).decode()}}}',
            )
            for n in range(count // len(TOOLS))
        ]
        for tool in TOOLS
    }


def error_text(template: str, chance: random.Random) -> str:
    """A message with its variable parts filled in."""
    return template.format(
        n=chance.randrange(10_000),
        m=chance.randrange(500),
        o=chance.randrange(255),
        p=chance.randrange(255),
        h=f"{chance.getrandbits(40):010x}",
    )


def stack_of(error_type: str, message: str, chance: random.Random) -> str:
    """A stack whose innermost frame is the same for all errors of a type."""
    lines = [f'  File "src/m{n}.py", line {chance.randrange(400)}, in step_{n}\n    step()' for n in (7, 3)]
    lines.append(f'  File "src/{error_type.lower()}.py", line 42, in at_fault\n    raise {error_type}')
    return "\n".join(["Traceback (most recent call last):", *lines, f"{error_type}: {message}"])


def _text(chance: random.Random) -> str:
    text = " ".join(chance.choices(LINES, k=3))
    return text[: min(max(int(chance.lognormvariate(4.9, 0.6)), 12), len(text))]

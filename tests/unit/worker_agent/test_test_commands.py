import pytest
from pydantic import JsonValue

from contracts.events.reporting import CallStatus, ToolCall
from worker_agent.decisions.test_commands import MOST_KEPT, TestRuns, command_of, is_test_run


@pytest.mark.parametrize(
    "command",
    [
        "pytest",
        "python -m pytest -q tests/unit",
        "python3.11 -m unittest discover",
        "python manage.py test shop",
        "cd app && PYTHONPATH=. .venv/bin/pytest -x 2>&1 | tail -20",
        "uv run pytest",
        "uv run python -m pytest",
        "poetry run pytest -q",
        "coverage run -m pytest",
        "timeout 60 tox -e py311",
        "npm test",
        "npm run test:unit -- --watch=false",
        "yarn jest --ci",
        "npx vitest run",
        "pnpm test",
        "go test ./...",
        "cargo test --workspace",
        "mvn -q clean verify",
        "./gradlew :app:test",
        "make -C build test",
        "(cd build; ctest)",
        "bundle exec rspec",
        "vendor/bin/phpunit",
        "dotnet test",
        "bash -lc 'cd /repo && pytest -q'",
        "echo start\npytest",
    ],
)
def test_a_test_run_is_told_from_its_command(command: str) -> None:
    assert is_test_run(command)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "ls tests",
        "pip install pytest",
        "grep -r pytest .",
        "cat pytest.ini",
        "echo 'now && pytest -q'",
        "git commit -m 'fix; make test'",
        "pytest --version",
        "python -c 'import pytest'",
        "npm install",
        "go build ./...",
        "make",
        "cargo build",
        "mvn package",
        "'unclosed",
        "bash -c",
        "timeout",
        "env",
        "sh -c 'sh -c \"sh -c pytest\"'",
    ],
)
def test_other_commands_are_none(command: str) -> None:
    assert not is_test_run(command)


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ({"command": "pytest -q"}, "pytest -q"),
        ({"cmd": ["bash", "-lc", "pytest -q"]}, "bash -lc 'pytest -q'"),
        ({"argv": ["go", "test"]}, "go test"),
        ({"command": "", "cmd": "ls"}, "ls"),
        ({"command": ["a", 1]}, None),
        ({"path": "pytest"}, None),
        ({}, None),
    ],
)
def test_the_command_is_found_whatever_its_argument_is_called(
    arguments: dict[str, JsonValue], command: str | None
) -> None:
    assert command_of(arguments) == command


def call(command: str | None, status: CallStatus, **more: object) -> ToolCall:
    arguments = {} if command is None else {"command": command}
    return ToolCall.model_validate({"tool_name": "bash", "status": status, "arguments": arguments, **more})


def test_the_begin_and_the_end_of_a_call_are_one_run() -> None:
    runs = TestRuns()
    runs.see(call("pytest -q", CallStatus.started, call_id="1"))
    assert [(run.command, run.exit_code) for run in runs.last] == [("pytest -q", None)]
    runs.see(call(None, CallStatus.failed, call_id="1", exit_code=1, duration_ms=5))
    runs.see(call("ls", CallStatus.completed, call_id="2", exit_code=0))
    runs.see(call("go test", CallStatus.completed, exit_code=0))
    assert [(run.command, run.exit_code, run.duration_ms) for run in runs.last] == [
        ("pytest -q", 1, 5),
        ("go test", 0, None),
    ]


def test_only_the_last_runs_are_kept() -> None:
    runs = TestRuns()
    for number in range(MOST_KEPT + 10):
        runs.see(call(f"pytest test_{number}.py", CallStatus.completed, exit_code=0))
    for number in range(1_000):
        runs.see(call(f"tox {number}", CallStatus.started, call_id=str(number)))
    assert len(runs.last) == MOST_KEPT
    assert runs.last[-1].command == "tox 999"

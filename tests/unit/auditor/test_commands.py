from collections import deque

from auditor.commands import LINE_LIMIT, Command, Lines, child_environment


def test_lines_are_whole_whatever_the_chunks() -> None:
    seen: list[str] = []
    lines = Lines(deque(maxlen=2), seen.append)
    for chunk in (b"on", b"e\ntw", b"o\n\xff\x00\nlast"):
        lines.feed(chunk)
    lines.close()
    assert seen == ["one", "two", "��", "last"]


def test_a_line_without_end_does_not_grow_without_end() -> None:
    seen: list[str] = []
    lines = Lines(deque(), seen.append)
    lines.feed(b"x" * (3 * LINE_LIMIT))
    lines.close()
    assert [len(line) for line in seen] == [LINE_LIMIT]


def test_a_tool_sees_neither_the_token_nor_what_would_change_the_figures() -> None:
    inherited = {
        "MEWS_MCP_TOKEN": "secret",
        "PYTEST_ADDOPTS": "-x",
        "COVERAGE_FILE": "x",
        "PATH": "/bin",
        "PYTHONPATH": "b",
    }
    environment = child_environment(inherited, {"PYTHONPATH": "src"})
    assert environment == {"PATH": "/bin", "PYTHONPATH": "src:b", "PYTHONDONTWRITEBYTECODE": "1"}


def test_a_command_is_shown_as_one_types_it() -> None:
    command = Command(("/opt/bin/complexipy", "--output", "{scratch}/a b.json"), {"X": "1 2"})
    assert command.shown() == "X='1 2' complexipy --output 'OUT/a b.json'"

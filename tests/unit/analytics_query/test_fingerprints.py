import re
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_query.decisions.fingerprints import identify, innermost, normalised

NUMBERS = st.integers(0, 10**12)
LINES = st.integers(1, 99_999)
HEXES = st.integers(0, 2**48 - 1).map(lambda number: f"{number:x}")
NAMES = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map(lambda names: "/" + "/".join(names))
UUIDS = st.uuids().map(str)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}Z")
ADDRESSES = st.ip_addresses(v=4).map(str)
TEXTS = st.from_regex(r"[A-Za-z0-9 _.,/-]{0,20}", fullmatch=True)
VALUES = {
    "number": NUMBERS,
    "size": st.floats(0, 1e6).map(lambda size: f"{size:.2f}"),
    "address": HEXES.map(lambda text: "0x" + text),
    "path": PATHS.map(lambda path: path + "/run.log"),
    "id": UUIDS,
    "task": UUIDS.map(lambda text: "task-" + text),
    "time": TIMES,
    "host": st.tuples(ADDRESSES, st.integers(1, 65_535)).map(lambda pair: f"{pair[0]}:{pair[1]}"),
    "quoted": TEXTS.map(lambda text: f"'{text}'"),
    "said": TEXTS.map(lambda text: f'"{text}"'),
    "list": st.lists(NUMBERS, min_size=1, max_size=5).map(lambda numbers: f"[{', '.join(map(str, numbers))}]"),
    "url": PATHS.map(lambda path: f"https://example.org{path}?q=1"),
}
MESSAGE = (
    "worker of {task} could not write {size} MB to {path} at {time}: connection {id} to {host} was reset after "
    "{number} tries, object <Buffer at {address}> holds {list}; option {quoted} is not {said}, see {url}"
)
PYTHON = """Traceback (most recent call last):
  File "{path}/app/main.py", line {line}, in main
    serve({number})
    ~~~~~^^^
  File "{path}/app/server.py", line {other}, in serve
    raise ConnectionError
"""
NODE = """Error: reset
    at Socket.onClose (file://{path}/lib/socket.js:{line}:{other})
    at async Promise.all (index {number})
    at process.processTicks (node:internal/process/task_queues:{line}:{other})
    at {path}/lib/main.js:{other}:7
"""
JAVA = """java.lang.RuntimeException: it failed
    at com.example.Web.handle(Web.java:{line})
    at com.example.Main.main(Main.java:{other})
Caused by: java.io.IOException: reset
    at com.example.Pool.take(Pool.java:{line})
    at com.example.Pool$$Lambda/0x{address}.run(Unknown Source)
    ... {number} more
"""
GO = """panic: reset

goroutine {number} [running]:
main.(*Pool).Take(0x{address}, 0x1)
\t{path}/pool.go:{line} +0x{address}
main.main.func1()
\t{path}/main.go:{other} +0x25
"""
STACKS = {"python": PYTHON, "node": NODE, "java": JAVA, "go": GO}


@st.composite
def messages(draw: st.DrawFn) -> str:
    return MESSAGE.format(**{name: draw(values) for name, values in VALUES.items()})


@st.composite
def stacks(draw: st.DrawFn, form: str) -> str:
    values = {"path": PATHS, "line": LINES, "other": LINES, "number": NUMBERS, "address": HEXES}
    return STACKS[form].format(**{name: draw(drawn) for name, drawn in values.items()})


@settings(max_examples=50)
@given(messages(), messages())
def test_a_message_is_the_same_with_other_numbers_ids_paths_times_and_addresses(one: str, other: str) -> None:
    assert identify("E", one, None) == identify("E", other, None)


@pytest.mark.parametrize("form", STACKS)
def test_a_stack_is_the_same_with_other_folders_and_lines(form: str) -> None:
    @settings(max_examples=40)
    @given(stacks(form), stacks(form))
    def holds(one: str, other: str) -> None:
        assert innermost(one)
        assert identify("E", "it failed", one) == identify("E", "it failed", other)

    holds()


@given(messages(), st.lists(NAMES, min_size=2, max_size=2, unique=True))
def test_errors_of_different_types_are_different(message: str, types: list[str]) -> None:
    one, other = (identify(error_type, message, None).fingerprint for error_type in types)
    assert one != other


@given(st.lists(st.from_regex(r"[a-z]{3,12}", fullmatch=True), min_size=2, max_size=2, unique=True))
def test_different_words_and_different_functions_are_different_errors(words: list[str]) -> None:
    one, other = (identify("E", f"could not {word} it", None).fingerprint for word in words)
    assert one != other
    stack = 'Traceback:\n  File "a.py", line 1, in {}\n'
    one, other = (identify("E", "m", stack.format(word)).fingerprint for word in words)
    assert one != other


def test_a_fingerprint_is_short_and_says_what_it_is() -> None:
    assert re.fullmatch(r"err-[0-9a-f]{16}", identify("E", "m", None).fingerprint)


@pytest.mark.parametrize(
    ("form", "place", "frames"),
    [
        ("python", "server.py serve", [("server.py", "serve"), ("main.py", "main")]),
        ("node", "socket.js Socket.onClose", [("socket.js", "Socket.onClose")]),
        ("java", "Pool.java com.example.Pool.take", [("Pool.java", "com.example.Pool.take")]),
        ("go", "pool.go main.(*Pool).Take", [("pool.go", "main.(*Pool).Take"), ("main.go", "main.main.func")]),
    ],
)
def test_the_innermost_frames_are_found(form: str, place: str, frames: list[tuple[str, str]]) -> None:
    stack = STACKS[form].format(path="/srv/x", line=3, other=4, number=5, address="7f3a")
    assert identify("E", "m", stack).place == place
    assert [tuple(frame) for frame in innermost(stack)[: len(frames)]] == frames


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("No module named 'jwt'", "no module named <text>"),
        ("can't find user bob@example.com; it's gone", "can't find user <address>; it's gone"),
        ("exit code 137.", "exit code <n>."),
        ("C:\\Users\\x\\a.txt is missing", "<path> is missing"),
        ("src/a.py:12:3: error E501", "<path>: error e<n>"),
        ("foo.py is not valid, os.path is", "<path> is not valid, os.path is"),
        ("took 12ms,  3.5 GB\n", "took <n>ms, <n> gb"),
        ("2026-01-02 03:04:05 boom", "<time> boom"),
        ("\x1b[31mred\x1b[0m", "red"),
    ],
)
def test_what_differs_is_replaced_and_words_stay(message: str, expected: str) -> None:
    assert normalised(message) == expected


@pytest.mark.parametrize(
    "unit", ["a", "a-", "'", '"', "/", "a/", "1.", "0", "@a.", "::", "[", "\\", "at ", "\n", "a(\n\t"]
)
def test_hostile_texts_are_read_in_time_that_grows_with_their_length(unit: str) -> None:
    text = unit * (60_000 // len(unit))
    assert len(normalised(text)) <= 400
    assert len(innermost(text)) <= 5

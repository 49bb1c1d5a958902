import json
from pathlib import Path

import pytest

from auditor.figures import TestCase
from auditor.profiling import node_id, parse_profile

FILES = frozenset({"tests/test_a.py", "tests/deep/test_b.py"})


@pytest.mark.parametrize(
    ("classname", "name", "node"),
    [
        ("tests.test_a", "test_x", "tests/test_a.py::test_x"),
        ("tests.test_a.TestX.TestY", "test_x[a.b::c]", "tests/test_a.py::TestX::TestY::test_x[a.b::c]"),
        ("tests.deep.test_b", "test_x", "tests/deep/test_b.py::test_x"),
        ("gone.test_c", "test_x", None),
        ("", "test_x", None),
    ],
)
def test_a_test_is_found_again_by_its_class_and_file(classname: str, name: str, node: str | None) -> None:
    case = TestCase(name=name, classname=classname, outcome="passed", duration_ms=1)
    assert node_id(case, FILES) == node


def test_hotspots_say_whether_they_are_the_projects_own() -> None:
    rows = [
        {"path": "/p/shop/a.py", "line": 3, "function": "f", "calls": 2, "self_s": 0.5, "total_s": 0.75},
        {"path": "/usr/lib/python3.11/copy.py", "line": 1, "function": "g", "calls": 1, "self_s": 0.1, "total_s": 0.1},
        {"path": "~", "line": 0, "function": "<built-in len>", "calls": 1, "self_s": 0.0, "total_s": 0.0},
    ]
    figures = parse_profile(json.dumps({"calls": 4, "seconds": 0.6, "functions": rows}), "t", Path("/p"))
    assert [(one.path, one.own) for one in figures.hotspots] == [
        ("shop/a.py", True),
        ("python3.11/copy.py", False),
        ("~", False),
    ]
    assert (figures.duration_ms, figures.hotspots[0].self_ms, figures.hotspots[0].total_ms) == (600.0, 500.0, 750.0)

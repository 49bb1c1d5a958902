import json

from pydantic import TypeAdapter

from auditor.complexity import Block, Cognitive, Index, Raw, by_file, radon_command, summarise
from auditor.layout import decide_layout


def block(name: str, complexity: int, kind: str = "function", classname: str | None = None) -> Block:
    return Block(type=kind, name=name, lineno=1, complexity=complexity, rank="A", classname=classname)


def test_the_mean_counts_classes_and_the_highest_does_not() -> None:
    blocks = {"a.py": [block("C", 30, "class"), block("m", 12, "method", "C"), block("f", 3)]}
    figures = summarise(blocks, {}, {}, [])
    assert figures.cyclomatic_mean == 15.0
    assert figures.cyclomatic_max == 12
    assert [one.name for one in figures.worst_cyclomatic] == ["C.m", "f"]


def test_sizes_add_up_and_maintainability_is_a_mean_over_files() -> None:
    indices = {"a.py": Index(mi=40.0, rank="A"), "b.py": Index(mi=60.0, rank="A")}
    sizes = {name: Raw(loc=10, lloc=5, sloc=8, comments=1) for name in indices}
    found = [Cognitive(path="a.py", function_name="C::m", complexity=7)]
    figures = summarise({}, indices, sizes, found)
    assert (figures.maintainability_mean, figures.maintainability_min) == (50.0, 40.0)
    assert (figures.loc, figures.lloc, figures.sloc, figures.comments) == (20, 10, 16, 2)
    assert (figures.cognitive_total, figures.worst_cognitive[0].name) == (7, "C.m")
    assert [(one.path, one.cognitive) for one in figures.files] == [("a.py", 7), ("b.py", 0)]


def test_a_project_without_functions_has_zeros() -> None:
    figures = summarise({}, {}, {}, [])
    assert (figures.cyclomatic_mean, figures.cyclomatic_max, figures.maintainability_mean) == (0.0, 0, 0.0)


def test_files_that_are_not_own_code_are_left_out_and_broken_ones_named() -> None:
    text = json.dumps(
        {"./a.py": {"mi": 1.0, "rank": "A"}, "tests/t.py": {"mi": 2.0, "rank": "A"}, "b.py": {"error": "syntax"}}
    )
    found, unreadable = by_file(text, TypeAdapter(Index), frozenset({"a.py", "b.py"}))
    assert list(found) == ["a.py"]
    assert unreadable == ["b.py"]


def test_tests_inside_a_package_are_excluded_by_pattern() -> None:
    layout = decide_layout(["shop/__init__.py", "shop/tests/test_a.py", "shop/test_b.py"])
    assert radon_command("cc", layout).shown() == (
        "python -P -m radon cc -j -O OUT/cc.json -e 'shop/test_b.py,shop/tests/*' shop"
    )

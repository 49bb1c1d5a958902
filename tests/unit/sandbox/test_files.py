import os
from pathlib import Path

import pytest

from sandbox.files import Listing, entries, translate


@pytest.mark.parametrize(
    ("glob", "fits", "does_not"),
    [
        ("*", ["a", "a.py", ".a"], ["a/b"]),
        ("*.py", ["a.py", ".py"], ["a.pyc", "b/a.py"]),
        ("**/*.py", ["a.py", "b/a.py", "b/c/a.py"], ["a.txt"]),
        ("**", ["a", "a/b"], []),
        ("src/**", ["src/a", "src/a/b"], ["src", "other/a"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("a[1].txt", ["a[1].txt"], ["a1.txt"]),
        ("***", ["a"], ["a/b"]),
    ],
)
def test_a_glob_fits_what_it_says(glob: str, fits: list[str], does_not: list[str]) -> None:
    pattern = translate(glob)
    assert [path for path in fits + does_not if pattern.fullmatch(path)] == fits


def test_a_name_that_is_no_text_hides_no_other(tmp_path: Path) -> None:
    for name in (b"\xff.xml", b"fine.xml"):
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).touch()
    page = entries(tmp_path, Listing("", "**/*.xml", "", 10, 10))
    assert sorted(entry.path for entry in page.items) == ["fine.xml", "\ufffd.xml"]
    assert b"fine.xml" in page.to_json()

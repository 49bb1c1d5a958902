"""Small projects to audit, written into a folder, and figures made up for tests of what judges them."""

from pathlib import Path

from auditor.figures import ComplexityFigures, CoverageFigures, Figures, ProjectFigures, SecurityFigures, TestFigures

PROJECT = ProjectFigures(
    name="p", layout="flat", packages=["p"], source_files=1, test_files=1, test_paths=[], languages=[], size_bytes=1
)


def figures(*, coverage: float = 95.0, failed: int = 0, highest: int = 5, high: int = 0, medium: int = 0) -> Figures:
    tests = TestFigures(
        total=3, passed=3 - failed, failed=failed, errors=0, skipped=0, xfailed=0, xpassed=0, duration_ms=1,
        exit_code=1 if failed else 0, slowest=[], unsuccessful=[], command="c", how="h",
    )  # fmt: skip
    covered = CoverageFigures(
        percent=coverage, line_percent=1, branch_percent=None, statements=1, missing=0, branches=0, branches_covered=0,
        files=[],
    )  # fmt: skip
    complexity = ComplexityFigures(
        blocks=1, cyclomatic_mean=1, cyclomatic_max=highest, ranks={}, maintainability_mean=1, maintainability_min=1,
        loc=1, lloc=1, sloc=1, comments=0, cognitive_total=0, cognitive_max=0, worst_cyclomatic=[], worst_cognitive=[],
        files=[], unreadable=[],
    )  # fmt: skip
    security = SecurityFigures(high=high, medium=medium, low=4, rules={}, findings=[], lines_scanned=1, unreadable=[])
    return Figures(project=PROJECT, tests=tests, coverage=covered, complexity=complexity, security=security)


SHOP: dict[str, str] = {
    "pyproject.toml": """
[project]
name = "shop"
version = "1.2.3"
dependencies = ["packaging>=20", "not-there-at-all>=1"]
[project.optional-dependencies]
fast = ["uvloop"]
[tool.pytest.ini_options]
testpaths = ["tests"]
addopts = "--cov=shop -n 4 --strict-markers -m 'not slow'"
markers = ["slow: takes long"]
[tool.coverage.run]
omit = ["*"]
""",
    "src/shop/__init__.py": "from shop.prices import total\n\n__all__ = ['total']\n",
    "src/shop/prices.py": '''"""Prices."""


class Basket:
    """What is bought."""

    def __init__(self, *prices):
        self.prices = prices

    def first(self):
        return self.prices[0] if self.prices else None


def total(basket, discount=0, coupon=None):
    value = 0
    for price in basket.prices:
        if price < 0:
            raise ValueError("negative")
        if price > 100 and discount:
            if coupon == "half":
                value += price / 2
            elif coupon == "none":
                value += price
            else:
                value += price - discount
        elif price > 50 or discount > 10:
            value += price - 1
        else:
            value += price
    while value > 1000:
        value -= 1
    return value if value else 0


def slow_sum(count):
    return sum(digit(number) for number in range(count))


def digit(number):
    return number % 10
''',
    "src/shop/shell.py": '''"""Commands."""

import pickle
import subprocess


def run(line):
    assert line
    return subprocess.call(line, shell=True)


def load(data):
    return pickle.loads(data)
''',
    "src/shop/unused.py": "def never():\n    if 1 > 2:\n        return 3\n    return 4\n",
    "src/shop/tests/__init__.py": "",
    "src/shop/tests/helpers.py": "def bad(line):\n    return eval(line)\n",
    "tests/test_prices.py": """import time

import pytest

import shop.shell
from shop.prices import Basket, slow_sum, total


@pytest.mark.parametrize("price", [1, 60, 120])
def test_total(price):
    assert total(Basket(price)) in (price, price - 1)


class TestBasket:
    def test_first(self):
        assert Basket(1, 2).first() == 1

    def test_wrong(self):
        assert Basket(1).first() == 2, "a | wrong <price>"


def test_slow_sum():
    assert slow_sum(200_000) == 900_000


@pytest.mark.skip(reason="later")
def test_later():
    raise AssertionError


@pytest.mark.xfail
def test_known():
    assert total(Basket(-1)) == 0


@pytest.mark.xfail
def test_better_than_known():
    assert True


@pytest.mark.slow
def test_deselected():
    raise AssertionError


@pytest.fixture
def broken():
    raise RuntimeError("no basket")


def test_setup(broken):
    pass


@pytest.fixture
def breaks_later():
    yield
    raise RuntimeError("cannot close")


def test_teardown(breaks_later):
    pass
""",
}
"""A project with a src layout whose own options would break or hide the measurement."""

SMALL: dict[str, str] = {
    "shop/__init__.py": "def one():\n    return 1\n",
    "tests/test_one.py": "import shop\n\n\ndef test_one():\n    assert shop.one() == 1\n",
}
"""The smallest project with a package and a test."""


def write_project(folder: Path, files: dict[str, str]) -> Path:
    """Write the files below `folder`."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder

"""Every package stands on what it declares, and every import goes the way it may."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(
    path.parent for room in ("services", "libs", "agents") for path in (ROOT / room).glob("*/pyproject.toml")
)
DISTRIBUTIONS = packages_distributions()


def declared(package: Path) -> set[str]:
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    return {canonicalize_name(Requirement(text).name) for text in [*project["dependencies"], project["name"]]}


def imported(package: Path) -> dict[str, str]:
    """Top-level module to the first file that imports it."""
    found: dict[str, str] = {}
    for path in sorted((package / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                found.setdefault(name.partition(".")[0], str(path.relative_to(ROOT)))
    return found


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_declares_all_that_it_imports(package: Path) -> None:
    known = declared(package)
    missing = {
        module: where
        for module, where in imported(package).items()
        if module not in sys.stdlib_module_names
        and not {canonicalize_name(name) for name in DISTRIBUTIONS.get(module, [module])} & known
    }
    assert missing == {}


def test_imports_go_down_the_stairs() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4_000:]

"""Looks at a project without running anything of it."""

import os
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from auditor.dependencies import declared_plugins, installed_versions, read_dependencies
from auditor.errors import UnreadableReportError
from auditor.figures import DependencyFigures, LanguageFigures, ProjectFigures
from auditor.layout import Layout, decide_layout
from auditor.pytest_options import PytestOptions, read_pytest_options
from auditor.reports import read_text
from auditor.suite import NEVER_LOADED, Suite

SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", ".mews", ".tox", ".nox", ".venv", "venv", "node_modules"}
    | {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
LANGUAGES = {
    ".py": "Python", ".pyi": "Python stub", ".pyx": "Cython", ".c": "C", ".h": "C", ".cpp": "C++", ".rs": "Rust",
    ".js": "JavaScript", ".ts": "TypeScript", ".html": "HTML", ".css": "CSS", ".sh": "Shell", ".go": "Go",
    ".java": "Java", ".md": "Markdown", ".rst": "reStructuredText", ".toml": "TOML", ".yaml": "YAML", ".yml": "YAML",
    ".json": "JSON", ".cfg": "INI", ".ini": "INI", ".sql": "SQL",
}  # fmt: skip
FILES_LIMIT = 100_000
COUNTED_BYTES = 2_000_000
CONFIG_BYTES = 2_000_000
CONFIG_FILES = (
    "pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "pytest.ini", ".pytest.ini", "noxfile.py", "Pipfile",
    "PKG-INFO",
)  # fmt: skip


@dataclass(frozen=True)
class Survey:
    """What a look at the project gives."""

    project: ProjectFigures
    dependencies: DependencyFigures
    suite: Suite
    notes: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """Where things are."""
        return self.suite.layout


def survey(root: Path) -> Survey:
    """Look at the project in `root`. What cannot be read is left out and noted."""
    files = dict(_walk(root))
    texts = _read_configuration(root, files)
    pyproject, notes = parse_pyproject(texts.get("pyproject.toml", ""))
    options = read_pytest_options(pyproject, texts)
    layout = decide_layout(files, _expand(root, options))
    return Survey(
        project=_project_figures(root, files, layout, name_and_version(pyproject, texts.get("PKG-INFO", ""))),
        dependencies=read_dependencies(pyproject, texts, installed_versions()),
        suite=Suite(layout, options, declared_plugins(texts, NEVER_LOADED)),
        notes=notes,
    )


def parse_pyproject(text: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The tables of pyproject.toml, and a note if it is broken."""
    try:
        return tomllib.loads(text), ()
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return {}, (f"pyproject.toml is not valid TOML: {error}",)


def name_and_version(pyproject: dict[str, Any], metadata: str) -> tuple[str | None, str | None]:
    """What the project calls itself, by pyproject.toml, or else by the metadata of a source distribution."""
    headers = dict(line.split(": ", 1) for line in metadata.partition("\n\n")[0].splitlines() if ": " in line)
    tool = pyproject.get("tool")
    poetry = cast("dict[str, Any]", tool).get("poetry") if isinstance(tool, dict) else None
    tables = [pyproject.get("project"), poetry, {"name": headers.get("Name"), "version": headers.get("Version")}]
    known = [cast("dict[str, Any]", table) for table in tables if isinstance(table, dict)]
    return _first_text(known, "name"), _first_text(known, "version")


def _first_text(tables: list[dict[str, Any]], key: str) -> str | None:
    return next((value for table in tables if isinstance(value := table.get(key), str) and value), None)


def _walk(root: Path) -> Iterator[tuple[str, int]]:
    count = 0
    for folder, folders, names in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS and not name.endswith(".egg-info"))
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file():
                continue
            count += 1
            if count > FILES_LIMIT:
                return
            yield path.relative_to(root).as_posix(), path.stat().st_size


def _read_configuration(root: Path, files: Mapping[str, int]) -> dict[str, str]:
    wanted = [name for name in files if name in CONFIG_FILES or _is_requirements(name)]
    return dict(_read_each(root, wanted))


def _is_requirements(name: str) -> bool:
    return name.endswith(".txt") and name.count("/") <= 1 and name.rpartition("/")[2].startswith("requirements")


def _read_each(root: Path, names: list[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            yield name, read_text(root / name, CONFIG_BYTES)
        except UnreadableReportError:
            continue


def _expand(root: Path, options: PytestOptions) -> tuple[str, ...]:
    found = [path for pattern in options.testpaths for path in _matches(root, pattern)]
    return tuple(dict.fromkeys(path.relative_to(root).as_posix() for path in found))


def _matches(root: Path, pattern: str) -> list[Path]:
    if pattern.startswith("/") or ".." in Path(pattern).parts:
        return []
    return [root] if pattern in (".", "") else sorted(root.glob(pattern))


def _project_figures(
    root: Path, files: Mapping[str, int], layout: Layout, named: tuple[str | None, str | None]
) -> ProjectFigures:
    name, version = named
    return ProjectFigures(
        name=name or root.name or "project",
        version=version,
        layout=layout.kind,
        packages=list(layout.targets),
        source_files=len(layout.own_files),
        test_files=len(layout.test_files),
        test_paths=list(layout.test_paths),
        languages=_languages(root, files),
        size_bytes=sum(files.values()),
    )


def _languages(root: Path, files: Mapping[str, int]) -> list[LanguageFigures]:
    counts: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for name, size in files.items():
        language = LANGUAGES.get(Path(name).suffix)
        if language:
            counts[language] += 1
            lines[language] += _count_lines(root / name) if size <= COUNTED_BYTES else 0
    return [LanguageFigures(language=each, files=count, lines=lines[each]) for each, count in counts.most_common()]


def _count_lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0

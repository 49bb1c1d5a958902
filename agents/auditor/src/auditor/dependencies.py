"""Declared dependencies, and which of them are installed beside the auditor. Nothing of the project is executed."""

import ast
import configparser
import importlib.metadata
from collections.abc import Iterator, Mapping
from typing import Any, cast

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from auditor.figures import DependencyFigure, DependencyFigures

Declared = Iterator[tuple[str, str]]
"""Pairs of group and requirement text."""


def read_dependencies(
    pyproject: Mapping[str, Any], texts: Mapping[str, str], installed: Mapping[str, str]
) -> DependencyFigures:
    """All declarations of pyproject.toml, setup.cfg, setup.py and requirements files.

    `texts` are files by name; `installed` is version by canonical name.
    """
    found: dict[tuple[str, str], DependencyFigure] = {}
    notes: list[str] = []
    for group, text in _declarations(pyproject, texts):
        try:
            one = _figure(group, Requirement(text), installed)
        except InvalidRequirement:
            notes.append(f"{group}: {text[:120]!r} is not a PEP 508 requirement")
            continue
        found.setdefault((one.group, one.name), one)
    dynamic = cast("list[str]", _table(pyproject, "project").get("dynamic") or [])
    if "dependencies" in dynamic:
        notes.append("dependencies are dynamic: only the build backend knows them all")
    return DependencyFigures(declared=sorted(found.values(), key=lambda one: (one.group, one.name)), notes=notes)


def installed_versions() -> dict[str, str]:
    """Version by canonical name of every distribution beside the auditor."""
    return {
        canonicalize_name(name): each.version
        for each in importlib.metadata.distributions()
        if (name := each.metadata["Name"])
    }


def declared_plugins(texts: Mapping[str, str], never: frozenset[str]) -> tuple[str, ...]:
    """Entry points of the installed pytest plugins that the project's configuration names anywhere."""
    words = " ".join(texts.values()).lower().replace("_", "-")
    found = {
        point.name
        for point in importlib.metadata.entry_points(group="pytest11")
        if point.dist and (name := canonicalize_name(point.dist.name)) in words and name not in never
    }
    return tuple(sorted(found))


def _declarations(pyproject: Mapping[str, Any], texts: Mapping[str, str]) -> Declared:
    yield from _from_pyproject(pyproject)
    yield from _from_poetry(_table(_table(pyproject, "tool"), "poetry"))
    yield from _from_setup_cfg(texts.get("setup.cfg", ""))
    yield from _from_setup_py(texts.get("setup.py", ""))
    for name, text in sorted(texts.items()):
        if name.rpartition("/")[2].startswith("requirements") and name.endswith(".txt"):
            yield from ((f"file:{name}", line) for line in _requirement_lines(text))


def _from_pyproject(pyproject: Mapping[str, Any]) -> Declared:
    project = _table(pyproject, "project")
    yield from (("runtime", text) for text in _strings(project.get("dependencies")))
    for extra, texts in _table(project, "optional-dependencies").items():
        yield from ((f"extra:{extra}", text) for text in _strings(texts))
    for group, texts in _table(pyproject, "dependency-groups").items():
        yield from ((f"group:{group}", text) for text in _strings(texts))
    yield from (("build", text) for text in _strings(_table(pyproject, "build-system").get("requires")))


def _from_poetry(poetry: Mapping[str, Any]) -> Declared:
    for name in _table(poetry, "dependencies"):
        if name != "python":
            yield "runtime", name
    for group, table in _table(poetry, "group").items():
        for name in _table(cast("dict[str, Any]", table), "dependencies"):
            yield f"group:{group}", name


def _from_setup_cfg(text: str) -> Declared:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    yield from (
        ("runtime", line) for line in _requirement_lines(parser.get("options", "install_requires", fallback=""))
    )
    if parser.has_section("options.extras_require"):
        for extra, lines in parser.items("options.extras_require"):
            yield from ((f"extra:{extra}", line) for line in _requirement_lines(lines))


def _from_setup_py(text: str) -> Declared:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    for keyword in (keyword for node in ast.walk(tree) if isinstance(node, ast.Call) for keyword in node.keywords):
        value = _literal(keyword.value)
        if keyword.arg == "install_requires":
            yield from (("runtime", one) for one in _strings(value))
        elif keyword.arg == "extras_require" and isinstance(value, dict):
            for extra, texts in cast("dict[str, Any]", value).items():
                yield from ((f"extra:{extra}", one) for one in _strings(texts))


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None


def _requirement_lines(text: str) -> list[str]:
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def _figure(group: str, requirement: Requirement, installed: Mapping[str, str]) -> DependencyFigure:
    version = installed.get(canonicalize_name(requirement.name))
    applies = requirement.marker is None or requirement.marker.evaluate({"extra": group.removeprefix("extra:")})
    fits = version is not None and requirement.specifier.contains(version, prereleases=True)
    return DependencyFigure(
        name=canonicalize_name(requirement.name),
        group=group,
        specifier=str(requirement.specifier),
        installed=version,
        satisfied=fits if applies else None,
    )


def _table(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = parent.get(name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _strings(value: object) -> list[str]:
    return [one for one in cast("list[object]", value) if isinstance(one, str)] if isinstance(value, list) else []

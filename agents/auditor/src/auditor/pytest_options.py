"""Reads a project's pytest configuration and decides what of it an audit keeps."""

import configparser
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

KEPT_FLAGS = frozenset({"--doctest-modules", "--pyargs", "--runxfail"})
KEPT_WITH_VALUE = frozenset(
    {"-m", "-k", "-p", "-W", "--pythonwarnings", "--import-mode", "--ignore", "--ignore-glob", "--deselect"}
    | {"--doctest-glob", "--rootdir", "--confcutdir"}
)
_OTHER_WITH_VALUE = frozenset({"-n", "-r", "-c", "-o", "--tb", "--cov-report", "--cov-config", "--durations"})


@dataclass(frozen=True)
class PytestOptions:
    """What the project says to pytest, and where."""

    source: str | None = None
    testpaths: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """Options that decide which tests run and how they are imported."""
    dropped: tuple[str, ...] = ()
    """Options of plugins and of presentation, which an audit sets itself."""


def read_pytest_options(pyproject: Mapping[str, Any], texts: Mapping[str, str]) -> PytestOptions:
    """The options from the file that pytest would take. `texts` are the ini files by name; a broken one is absent."""
    for name, section in (("pytest.ini", "pytest"), (".pytest.ini", "pytest")):
        if name in texts:
            return _from_values(name, _ini_section(texts[name], section) or {})
    table = _pyproject_table(pyproject)
    if table is not None:
        return _from_values("pyproject.toml", table)
    for name, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        values = _ini_section(texts.get(name, ""), section)
        if values is not None:
            return _from_values(name, values)
    return PytestOptions()


def split_options(options: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Options of `addopts` as (kept, dropped)."""
    kept: list[str] = []
    dropped: list[str] = []
    rest = list(options)
    while rest:
        option = rest.pop(0)
        taken = [option]
        if rest and _takes_next(option):
            taken.append(rest.pop(0))
        (kept if _is_kept(option) else dropped).extend(taken)
    return tuple(kept), tuple(dropped)


def _is_kept(option: str) -> bool:
    name = option.partition("=")[0]
    joined = not option.startswith("--") and option[:2] in KEPT_WITH_VALUE
    return name in KEPT_FLAGS or name in KEPT_WITH_VALUE or joined


def _takes_next(option: str) -> bool:
    return "=" not in option and option in (KEPT_WITH_VALUE | _OTHER_WITH_VALUE)


def _pyproject_table(pyproject: Mapping[str, Any]) -> Mapping[str, Any] | None:
    tool = pyproject.get("tool")
    table = tool.get("pytest") if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        return None
    table = cast("dict[str, Any]", table)
    inner = table.get("ini_options", table)
    return cast("dict[str, Any]", inner) if isinstance(inner, dict) else None


def _ini_section(text: str, section: str) -> Mapping[str, Any] | None:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return dict(parser.items(section)) if parser.has_section(section) else None


def _from_values(source: str, values: Mapping[str, Any]) -> PytestOptions:
    kept, dropped = split_options(_words(values.get("addopts")))
    return PytestOptions(source, tuple(_words(values.get("testpaths"))), kept, dropped)


def _words(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in cast("list[object]", value)]
    if not isinstance(value, str):
        return []
    try:
        return shlex.split(value, comments=False)
    except ValueError:
        return []

"""The figures of an audit in a few lines, as they are in the structured content of `monitor_task`."""

from collections.abc import Mapping
from typing import Any

from devstack.errors import DevstackError

NEEDED = ("test", "quality", "security")


def figure_lines(report: Mapping[str, Any]) -> list[str]:
    """Tests, coverage, complexity, security. Raises DevstackError for a report that lacks all of them."""
    analytics: Mapping[str, Mapping[str, Any]] = report.get("analytics") or {}
    lines = [
        line
        for name, wording in (("test", _tests), ("quality", _quality), ("security", _security))
        if (data := analytics.get(name)) and (line := wording(data))
    ]
    if not lines:
        raise DevstackError("the audit brought no figures")
    return [*lines, *_verified(report)]


def _tests(data: Mapping[str, Any]) -> str:
    said = f"tests       {data.get('passed')} of {data.get('total')} passed"
    percent = data.get("coverage_percent")
    return said if percent is None else f"{said}, coverage {percent}%"


def _quality(data: Mapping[str, Any]) -> str:
    return (
        f"complexity  {data.get('complexity_score', '-')} on average, highest {data.get('max_complexity', '-')}; "
        f"maintainability index {data.get('maintainability_index', '-')}"
    )


def _security(data: Mapping[str, Any]) -> str:
    levels = ", ".join(f"{data.get(level, 0)} {level}" for level in ("high", "medium", "low"))
    return f"security    {levels} findings ({data.get('tool', 'bandit')})"


def _verified(report: Mapping[str, Any]) -> list[str]:
    verified: Mapping[str, Any] | None = (report.get("evidence") or {}).get("verified")
    if not verified:
        return []
    count = len(verified.get("commands", []))
    return [f"verified    {'yes' if verified.get('passed') else 'NO'}: the platform ran {count} command(s) itself"]

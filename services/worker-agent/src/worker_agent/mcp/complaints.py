"""What is wrong with a tool's arguments, in words from which an agent can mend its call."""

import re
from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from servicekit.errors import shown

MOST = 8
QUOTED = re.compile(r"'([^']*)'")


def complaint(tool: str, model: type[BaseModel], error: ValidationError) -> str:
    """One line for each wrong field: its name, what was given, and what is allowed."""
    details = error.errors(include_url=False)
    lines = [f"{tool}: nothing was recorded; {len(details)} wrong argument{'s' if len(details) > 1 else ''}."]
    lines += [f"- {_sentence(detail, model)}" for detail in details[:MOST]]
    if len(details) > MOST:
        lines.append(f"- … and {len(details) - MOST} more")
    return "\n".join(lines)


def _sentence(detail: Any, model: type[BaseModel]) -> str:
    path: tuple[str | int, ...] = detail["loc"]
    field, kind = ".".join(map(str, path)) or "arguments", detail["type"]
    if kind == "extra_forbidden":
        known = ", ".join(sorted(_names_at(model, path[:-1]))) or "none"
        return f"{field}: unknown parameter (given {shown(detail['input'])}); allowed here: {known}"
    if kind == "missing":
        return f"{field}: required, but not given{_allowed_at(model, path)}"
    allowed = (
        QUOTED.findall(str((detail.get("ctx") or {}).get("expected", ""))) if kind in {"enum", "literal_error"} else []
    )
    message = f"allowed: {', '.join(allowed)}" if allowed else str(detail["msg"]).removeprefix("Value error, ")
    return f"{field}: given {shown(detail['input'])}; {message}"


def _names_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    node = _node_at(model, path)
    return list(cast("dict[str, Any]", node.get("properties", {})))


def _allowed_at(model: type[BaseModel], path: Sequence[str | int]) -> str:
    values = _node_at(model, path).get("enum")
    return f"; allowed: {', '.join(map(str, values))}" if values else ""


def _node_at(model: type[BaseModel], path: Sequence[str | int]) -> dict[str, Any]:
    schema = model.model_json_schema()
    node: dict[str, Any] = schema
    for step in path:
        node = _resolved(node, schema)
        node = node.get("items", {}) if isinstance(step, int) else node.get("properties", {}).get(step, {})
    return _resolved(node, schema)


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while True:
        choices = [one for one in node.get("anyOf", node.get("allOf", [])) if one != {"type": "null"}]
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        elif len(choices) == 1:
            node = choices[0]
        else:
            return node

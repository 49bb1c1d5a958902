"""Parameters of tools as Markdown, from their JSON Schemas: what both MCP surfaces are documented with."""

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]

HEAD = ("| parameter | type | default | meaning |", "|---|---|---|---|")


def parameter_table(schema: Schema) -> list[str]:
    """The lines of a table with a row for each property, those of objects inside below them."""
    return [*HEAD, *_rows(schema, schema.get("$defs", {}), "", frozenset())]


def _rows(node: Schema, definitions: Schema, prefix: str, above: frozenset[str]) -> Iterable[str]:
    required = node.get("required", [])
    for name, field in node["properties"].items():
        whole, reference = _resolved(field, definitions)
        yield _row(f"{prefix}{name}", whole, name in required)
        inner, inner_reference = _resolved(whole["items"], definitions) if "items" in whole else (whole, reference)
        if "properties" in inner and inner_reference not in above:
            nested = f"{prefix}{name}{'[]' if 'items' in whole else ''}."
            yield from _rows(inner, definitions, nested, above | {inner_reference})


def _row(name: str, field: Schema, required: bool) -> str:
    default = "required" if required else _default(field)
    meaning = " ".join(str(field.get("description", "")).split()).replace("|", "\\|")
    return f"| `{name}` | {_type(field)} | {default} | {meaning} |"


def _default(field: Schema) -> str:
    return f"`{_literal(field['default'])}`" if "default" in field else ""


def _literal(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type(field: Schema) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(_type(one) for one in field["anyOf"])
    kind = str(field.get("type", "object"))
    if kind == "array":
        items = field.get("items", {})
        return f"list of {_type(items)}" if "type" in items else "list"
    bounds = _bounds(field)
    return f"{kind}{f', {bounds}' if bounds else ''}"


def _bounds(field: Schema) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f"{low:g} to {high:g}" if high < 1_000 else f"{low} to {high}"
    if low is not None:
        return f"at least {low:g}"
    return "not empty" if field.get("minLength") else ""


def _resolved(field: Schema, definitions: Schema) -> tuple[Schema, str]:
    if "$ref" not in field:
        return field, ""
    name = str(field["$ref"]).rsplit("/", 1)[1]
    return definitions[name] | {key: value for key, value in field.items() if key != "$ref"}, name

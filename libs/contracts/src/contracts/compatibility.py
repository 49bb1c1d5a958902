"""Which changes of a JSON Schema would break an old reader or writer."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


def broken_contracts(agreed: dict[str, Schema], now: dict[str, Schema]) -> list[str]:
    """Breaking changes of all contracts, a line each; a new contract breaks nobody."""
    gone = [f"{name}: removed" for name in agreed.keys() - now.keys()]
    changed = (
        f"{name} {line}" for name in agreed.keys() & now.keys() for line in breaking_changes(agreed[name], now[name])
    )
    return gone + list(changed)


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Changes from `old` to `new` that break somebody, a line each; empty when old messages still work."""
    lines = list(_compare(old, new, "$"))
    old_defs, new_defs = old.get("$defs", {}), new.get("$defs", {})
    for name, definition in old_defs.items():
        if name not in new_defs:
            lines.append(f"$defs.{name}: removed")
        else:
            lines.extend(_compare(definition, new_defs[name], f"$defs.{name}"))
    return lines


def _compare(old: Schema, new: Schema, path: str) -> Iterator[str]:
    yield from _compare_types(old, new, path)
    yield from _compare_values(old, new, path)
    yield from _compare_bounds(old, new, path)
    yield from _compare_properties(old, new, path)
    for part in ("items", "additionalProperties"):
        if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
            yield from _compare(old[part], new[part], f"{path}.{part}")


def _compare_types(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = _shapes(old), _shapes(new)
    if before - after:
        yield f"{path}: no longer accepts {', '.join(sorted(before - after))}"


def _compare_values(old: Schema, new: Schema, path: str) -> Iterator[str]:
    gone = set(_values(old)) - set(_values(new))
    if gone and _values(new):
        yield f"{path}: values removed: {', '.join(sorted(map(str, gone)))}"


def _compare_bounds(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for key, tighter in (("maximum", -1), ("maxLength", -1), ("maxItems", -1), ("minimum", 1), ("minLength", 1)):
        if key in new and (key not in old or (new[key] - old[key]) * tighter > 0):
            yield f"{path}: {key} is tighter: {old.get(key, 'none')} to {new[key]}"


def _compare_properties(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before: Schema = old.get("properties", {})
    after: Schema = new.get("properties", {})
    for name in before.keys() - after.keys():
        yield f"{path}.{name}: removed"
    for name in set(new.get("required", [])) - set(old.get("required", [])):
        yield f"{path}.{name}: now required"
    for name in before.keys() & after.keys():
        yield from _compare(before[name], after[name], f"{path}.{name}")


def _shapes(schema: Schema) -> set[str]:
    options = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return {str(option.get("$ref") or option.get("type") or "anything") for option in options}


def _values(schema: Schema) -> list[Any]:
    return schema.get("enum") or ([schema["const"]] if "const" in schema else [])

"""Values that fit a JSON schema, as far as Pydantic writes them."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

Schema = Mapping[str, Any]

MOST_ITEMS = 3
MOST_CHARACTERS = 30
DEPTH = 3

free: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def fitting(schema: Schema, definitions: Schema | None = None) -> st.SearchStrategy[Any]:
    """A strategy for values that the schema allows."""
    known = definitions if definitions is not None else schema.get("$defs", {})
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return st.deferred(lambda: fitting(known[name], known))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return st.one_of([fitting(one, known) for one in schema[several]])
    return _of_type(schema, known)


def _of_type(schema: Schema, known: Schema) -> st.SearchStrategy[Any]:
    kind = schema.get("type")
    if kind == "string":
        return _text(schema)
    if kind in ("integer", "number"):
        return _number(schema, whole=kind == "integer")
    if kind == "array":
        least = schema.get("minItems", 0)
        most = min(schema.get("maxItems", MOST_ITEMS), max(least, MOST_ITEMS))
        return st.lists(fitting(schema.get("items", {}), known), min_size=least, max_size=most)
    if kind == "object":
        return _object(schema, known)
    return {"boolean": st.booleans(), "null": st.none()}.get(str(kind), free)


def _text(schema: Schema) -> st.SearchStrategy[Any]:
    if schema.get("format") == "date-time":
        return st.sampled_from(["2026-01-02T03:04:05Z", "2030-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z"])
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True).map(str.strip)
    least = schema.get("minLength", 0)
    return st.text(min_size=least, max_size=max(least, min(schema.get("maxLength", MOST_CHARACTERS), MOST_CHARACTERS)))


def _number(schema: Schema, *, whole: bool) -> st.SearchStrategy[Any]:
    least, most = schema.get("minimum", -(2**53)), schema.get("maximum", 2**53)
    return st.integers(int(least), int(most)) if whole else st.floats(least, most, allow_nan=False)


def _object(schema: Schema, known: Schema) -> st.SearchStrategy[Any]:
    properties = {name: fitting(one, known) for name, one in schema.get("properties", {}).items()}
    required = {name: properties.pop(name) for name in schema.get("required", ()) if name in properties}
    own = st.fixed_dictionaries(required, optional=properties)
    more = schema.get("additionalProperties", False)
    if not more:
        return own
    others = st.dictionaries(st.text(max_size=8), free if more is True else fitting(more, known), max_size=2)
    return st.tuples(others, own).map(lambda both: both[0] | both[1])

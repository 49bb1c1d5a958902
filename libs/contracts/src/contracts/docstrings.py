"""What stands below a field describes it in schemas: read from the source when a schema is made, not whenever a process
starts. Pydantic's own way looks through all frames and modules for each class, which was half of a service's start.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

Json = dict[str, Any]


def describe(cls: type[Any], schema: Json) -> None:
    """Add the descriptions of a model's fields to its JSON schema, where they have none."""
    for name, described in schema.get("properties", {}).items():
        if "description" not in described and (told := field_docs(cls).get(name)):
            described["description"] = told


@cache
def field_docs(cls: type[Any]) -> Mapping[str, str]:
    """The docstrings of a class's fields, its bases' included; none where there is no source."""
    docs: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        own = _of_module(one.__module__).get(one.__qualname__, {})
        for name in inspect.get_annotations(one):
            docs.pop(name, None)
        docs |= own
    return docs


@cache
def _of_module(name: str) -> Mapping[str, Mapping[str, str]]:
    """By the qualified name of a class, the docstrings of its own fields."""
    module = sys.modules.get(name)
    if module is None:
        return {}
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError):
        return {}
    return dict(_classes(tree, ""))


def _classes(inside: ast.AST, prefix: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for node in ast.iter_child_nodes(inside):
        if isinstance(node, ast.ClassDef):
            yield f"{prefix}{node.name}", _fields(node)
            yield from _classes(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes(node, f"{prefix}{node.name}.<locals>.")
        else:
            yield from _classes(node, prefix)


def _fields(node: ast.ClassDef) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for field, said in zip(node.body, node.body[1:], strict=False):
        match field, said:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
            case _:
                pass
    return found

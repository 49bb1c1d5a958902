"""The golden JSON Schemas: what every contract looked like when it was last agreed."""

import json
from importlib.resources import files
from typing import Any

from contracts.registry import json_schemas


def golden() -> dict[str, dict[str, Any]]:
    """The agreed schema of every contract, by name."""
    folder = files(__name__)
    return {
        entry.name.removesuffix(".json"): json.loads(entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".json")
    }


def as_text(schema: dict[str, Any]) -> str:
    """The form in which a schema is kept in a file."""
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def current() -> dict[str, dict[str, Any]]:
    """The schema of every contract as the code says it now, by name."""
    return {name: json.loads(as_text(schema)) for name, schema in json_schemas().items()}

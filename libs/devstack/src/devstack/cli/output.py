"""How commands print: for people, or JSON for programs."""

import json
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

console = Console(highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON document."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    typer.echo(json.dumps(plain, indent=2))

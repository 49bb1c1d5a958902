"""`mews logs`: what the processes say."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from devstack.errors import DevstackError
from devstack.paths import layout

FOLLOW_PAUSE_S = 0.2
OWN_COLUMNS = ("timestamp", "level", "event", "service")


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(logs)


def logs(
    service: Annotated[
        list[str] | None, typer.Argument(help="Names as `mews status` shows them; all if left out.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="So many of the last lines of each.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print lines as they were written.")] = False,
) -> None:
    """Show the logs of the processes."""
    files = _chosen(service or [])
    ends = {file: file.stat().st_size for file in files}
    for file in files:
        for line in _last_lines(file, lines):
            _print(file, line, as_json)
    if follow:
        for file, line in _new_lines(ends):
            _print(file, line, as_json)


def _chosen(names: list[str]) -> list[Path]:
    there = {file.stem: file for file in sorted(layout().logs.glob("*.log"))}
    unknown = [name for name in names if name not in there]
    if unknown:
        raise DevstackError(f"no log of {', '.join(unknown)}; there are: {', '.join(there) or 'none yet'}")
    return [there[name] for name in names] or list(there.values())


def _last_lines(file: Path, count: int) -> list[str]:
    return file.read_text(errors="replace").splitlines()[-count:] if count else []


def _new_lines(ends: dict[Path, int]) -> Iterator[tuple[Path, str]]:
    """Lines as they are written, for ever; a log that was emptied is read from its beginning."""
    rests = dict.fromkeys(ends, b"")
    while True:
        for file in ends:
            with file.open("rb") as log:
                size = log.seek(0, 2)
                log.seek(ends[file] if size >= ends[file] else 0)
                text = rests[file] + log.read()
                ends[file] = log.tell()
            *whole, rests[file] = text.split(b"\n")
            yield from ((file, line.decode(errors="replace")) for line in whole)
        time.sleep(FOLLOW_PAUSE_S)


def _print(file: Path, line: str, as_json: bool) -> None:
    typer.echo(line if as_json else f"{file.stem:16} {readable(line)}")


def readable(line: str) -> str:
    """One JSON log line as time, level, event and the rest; any other line as it is."""
    try:
        entry: Any = json.loads(line)
    except json.JSONDecodeError:
        return line
    if not isinstance(entry, dict) or "event" not in entry:
        return line
    rest = " ".join(f"{key}={value}" for key, value in entry.items() if key not in OWN_COLUMNS)
    return f"{str(entry.get('timestamp', ''))[11:23]} {entry.get('level', ''):7} {entry['event']} {rest}".rstrip()

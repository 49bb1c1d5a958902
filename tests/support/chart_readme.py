"""The table of values in the chart's README: `python -m tests.support.chart_readme` writes it anew."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "mews"
README = CHART / "README.md"
BEGIN, END = "<!-- values -->", "<!-- /values -->"
COMMENT = re.compile(r"^\s*# -- (.*)$")
KEY = re.compile(r"^(\s*)([A-Za-z][\w-]*):")
INDENT = 2

Path_ = tuple[str, ...]


def documented(text: str) -> dict[Path_, str]:
    """What `# -- …` above a key says of it, by the key's path."""
    found: dict[Path_, str] = {}
    path: Path_ = ()
    said: str | None = None
    for line in text.splitlines():
        if comment := COMMENT.match(line):
            said = comment[1]
        elif key := KEY.match(line):
            path = (*path[: len(key[1]) // INDENT], key[2])
            if said is not None:
                found[path] = said
            said = None
    return found


def leaves(values: Mapping[str, Any], path: Path_ = ()) -> Iterator[Path_]:
    """Paths of all values that hold no others."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def undocumented(text: str) -> list[str]:
    """Values of which neither their own comment nor one above them tells."""
    known = documented(text)
    paths = leaves(yaml.safe_load(text))
    return [".".join(path) for path in paths if not any(path[:depth] in known for depth in range(1, len(path) + 1))]


def table(text: str) -> str:
    """The values as a table: path, default, meaning."""
    values = yaml.safe_load(text)
    rows = [f"| `{'.'.join(path)}` | {_default(values, path)} | {said} |" for path, said in documented(text).items()]
    return "\n".join(["| value | default | meaning |", "|---|---|---|", *rows])


def fresh(readme: str, values: str) -> str:
    """The README with the table as the values say it now."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(values)}\n{END}{after}"


def _default(values: Any, path: Path_) -> str:
    for key in path:
        values = values[key]
    if values in ("", None):
        return ""
    return f"`{json.dumps(values, ensure_ascii=False) if not isinstance(values, str) else values}`"


if __name__ == "__main__":
    README.write_text(fresh(README.read_text(), (CHART / "values.yaml").read_text()))

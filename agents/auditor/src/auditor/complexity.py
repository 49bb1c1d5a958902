"""Complexity, maintainability and size by radon, cognitive complexity by complexipy."""

import asyncio
import shutil
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from auditor.commands import Command, Workbench
from auditor.errors import MeasurementError, UnreadableReportError
from auditor.figures import ComplexityFigures, FileFigures, FunctionFigures
from auditor.layout import Layout
from auditor.reports import parse_json, read_text, worst

WORST = 10
COGNITIVE_FILE = "cognitive.json"


class Block(BaseModel):
    """A class, function or method, as `radon cc -j` writes it."""

    type: str
    name: str
    lineno: int
    complexity: int
    rank: str
    classname: str | None = None


class Index(BaseModel):
    """The maintainability of a file, as `radon mi -j` writes it."""

    mi: float
    rank: str


class Raw(BaseModel):
    """The size of a file, as `radon raw -j` writes it."""

    loc: int
    lloc: int
    sloc: int
    comments: int


class Cognitive(BaseModel):
    """One function, as complexipy writes it."""

    path: str
    function_name: str
    complexity: int


_BY_FILE: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_BLOCKS = TypeAdapter(list[Block])
_INDEX = TypeAdapter(Index)
_RAW = TypeAdapter(Raw)
_COGNITIVE = TypeAdapter(list[Cognitive])


def radon_command(kind: str, layout: Layout) -> Command:
    """`radon cc`, `radon mi` or `radon raw` over the project's own code, as JSON."""
    exclude = ",".join(name if name.endswith(".py") else f"{name}/*" for name in layout.excluded)
    flags = ["-e", exclude] if exclude else []
    return Command(
        (sys.executable, "-P", "-m", "radon", kind, "-j", "-O", f"{{scratch}}/{kind}.json", *flags, *layout.targets)
    )


def cognitive_command(layout: Layout) -> Command:
    """complexipy over the same targets; it has no entry by `python -m`."""
    program = shutil.which("complexipy", path=sysconfig.get_path("scripts")) or "complexipy"
    flags = ("--isolated", "-i", "-q", "--output-format", "json", "--output", f"{{scratch}}/{COGNITIVE_FILE}")
    return Command((program, *flags, "--cache-dir", "{scratch}/complexipy", *layout.targets))


def summarise(
    blocks: Mapping[str, Sequence[Block]],
    indices: Mapping[str, Index],
    sizes: Mapping[str, Raw],
    cognitive: Sequence[Cognitive],
    unreadable: Iterable[str] = (),
) -> ComplexityFigures:
    """The figures of what the four tools found."""
    every = [(path, block) for path, found in blocks.items() for block in found]
    values = [block.complexity for _, block in every]
    functions = [(path, block) for path, block in every if block.type != "class"]
    scores = [index.mi for index in indices.values()]
    return ComplexityFigures(
        blocks=len(every),
        cyclomatic_mean=_mean(values),
        cyclomatic_max=max((block.complexity for _, block in functions), default=0),
        ranks=dict(sorted(Counter(block.rank for _, block in every).items())),
        maintainability_mean=_mean(scores),
        maintainability_min=min(scores, default=0.0),
        loc=sum(size.loc for size in sizes.values()),
        lloc=sum(size.lloc for size in sizes.values()),
        sloc=sum(size.sloc for size in sizes.values()),
        comments=sum(size.comments for size in sizes.values()),
        cognitive_total=sum(one.complexity for one in cognitive),
        cognitive_max=max((one.complexity for one in cognitive), default=0),
        worst_cyclomatic=[_function(*one) for one in worst(functions, lambda one: one[1].complexity, WORST)],
        worst_cognitive=[_cognitive(one) for one in worst(cognitive, lambda one: one.complexity, WORST)],
        files=[_file(path, blocks, indices, sizes, cognitive) for path in sorted(sizes)],
        unreadable=sorted(set(unreadable)),
    )


def by_file(text: str, adapter: TypeAdapter[Any], own: frozenset[str]) -> tuple[dict[str, Any], list[str]]:
    """What radon says of each own file, and the files it could not read."""
    found: dict[str, Any] = {}
    unreadable: list[str] = []
    for path, value in parse_json(text, _BY_FILE).items():
        name = path.removeprefix("./")
        if name not in own:
            continue
        try:
            found[name] = adapter.validate_python(value)
        except ValidationError:
            unreadable.append(name)
    return found, unreadable


async def measure_complexity(bench: Workbench, layout: Layout) -> ComplexityFigures:
    """Measure the project's own code. Raises MeasurementError."""
    own = frozenset(layout.own_files)
    await asyncio.gather(
        bench.run(cognitive_command(layout)), *(bench.run(radon_command(kind, layout)) for kind in ("cc", "mi", "raw"))
    )
    try:
        blocks, bad_blocks = by_file(read_text(bench.scratch / "cc.json"), _BLOCKS, own)
        indices, bad_indices = by_file(read_text(bench.scratch / "mi.json"), _INDEX, own)
        sizes, bad_sizes = by_file(read_text(bench.scratch / "raw.json"), _RAW, own)
        cognitive = parse_json(read_text(bench.scratch / COGNITIVE_FILE), _COGNITIVE)
    except UnreadableReportError as error:
        raise MeasurementError(f"radon or complexipy gave no figures: {error}") from error
    kept = [one for one in cognitive if one.path in own]
    return summarise(blocks, indices, sizes, kept, [*bad_blocks, *bad_indices, *bad_sizes])


def _file(
    path: str,
    blocks: Mapping[str, Sequence[Block]],
    indices: Mapping[str, Index],
    sizes: Mapping[str, Raw],
    cognitive: Sequence[Cognitive],
) -> FileFigures:
    values = [block.complexity for block in blocks.get(path, ())]
    index = indices.get(path)
    return FileFigures(
        path=path,
        loc=sizes[path].loc,
        sloc=sizes[path].sloc,
        maintainability=index.mi if index else None,
        rank=index.rank if index else None,
        cyclomatic_mean=_mean(values) if values else None,
        cyclomatic_max=max(values, default=None),
        cognitive=sum(one.complexity for one in cognitive if one.path == path),
    )


def _function(path: str, block: Block) -> FunctionFigures:
    name = f"{block.classname}.{block.name}" if block.classname else block.name
    return FunctionFigures(name=name, path=path, line=block.lineno, complexity=block.complexity, rank=block.rank)


def _cognitive(one: Cognitive) -> FunctionFigures:
    return FunctionFigures(name=one.function_name.replace("::", "."), path=one.path, complexity=one.complexity)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

"""Reports made of figures, in text: what matters first, then each part, then what is missing."""

import json
from collections.abc import Sequence
from functools import partial

from contracts.analytics import AnalyticsReport, EntityType, Figure, ReportType, Row, Section
from contracts.base import JsonObject
from mcp_gateway.decisions.wording import shorten
from mcp_gateway.domain.inputs.analytics import ALWAYS
from mcp_gateway.mcp.text.charts import bar
from mcp_gateway.mcp.text.figures import (
    column,
    figure_table,
    finding_line,
    level,
    named,
    series_table,
)
from mcp_gateway.mcp.text.frame import STRUCTURED, closing, fitting, left_out, noted, period, summary
from mcp_gateway.mcp.text.layout import cell, filled, indented, lines_below, section

MAX_DATA = 6_000
MAX_FIGURES = 40
MAX_ROWS = 25
MAX_COLUMNS = 6
MAX_FINDINGS = 12
MAX_NOTES = 8
MAX_IDS = 5


def titled(report: AnalyticsReport, title: str) -> str:
    """The whole report."""
    parts = [
        _head(report, title),
        summary(report.summary),
        *_sections(report.sections),
        _data(report.data),
        noted(report.notes),
        closing(report.standing, _levels(report.sections)),
    ]
    return "\n\n".join(part for part in parts if part)


analytics = partial(titled, title="Analytics")
performance = partial(titled, title="Performance report")
quality = partial(titled, title="Quality dashboard")


def _head(report: AnalyticsReport, title: str) -> str:
    kind = f" ({report.report})" if report.report == ReportType.comparative else ""
    lines = [f"{title}{kind}: {_subject(report)}", period(report.time_range, report.since, report.until)]
    if not report.data and not any(_has_values(part) for part in report.sections):
        lines.append(_nothing(report))
    return "\n".join(lines)


def _nothing(report: AnalyticsReport) -> str:
    if report.time_range != ALWAYS:
        return "Nothing is known of this period; a longer time_range may show more, such as all."
    return "Nothing is known of this" + ("; see that the ids are right." if report.entity_ids else " yet.")


def _subject(report: AnalyticsReport) -> str:
    if report.entity_type is EntityType.system:
        return "the whole system"
    if not report.entity_ids:
        return "all repositories" if report.entity_type is EntityType.repository else f"all {report.entity_type}s"
    more = len(report.entity_ids) - MAX_IDS
    shown = ", ".join(map(cell, report.entity_ids[:MAX_IDS]))
    return f"{report.entity_type} {shown}{f' and {more} more' if more > 0 else ''}"


def _has_values(part: Section) -> bool:
    figures = [*part.figures, *(figure for row in part.rows for figure in row.figures)]
    return (
        any(figure.value is not None for figure in figures)
        or bool(part.findings)
        or any(series.points for series in part.series)
    )


def _sections(sections: Sequence[Section]) -> list[str]:
    shown = fitting(map(_section, sections))
    names = ", ".join(cell(part.name) for part in sections[len(shown) :])
    told = [f"Left out here, for length: {names}. Ask for fewer metrics to see them; {STRUCTURED}."] if names else []
    return shown + told


def _section(part: Section) -> str:
    lines = [f"  {finding_line(finding)}" for finding in part.findings[:MAX_FINDINGS]]
    lines += left_out(len(part.findings) - MAX_FINDINGS, "findings")
    blocks = ["\n".join(lines), _figures(part.figures), _series(part), _ranking(part.rows)]
    blocks.append("\n".join(f"  Note: {lines_below(note, '    ')}" for note in part.notes))
    body = "\n\n".join(block for block in blocks if block)
    return section(f"{cell(part.title)}:", body.split("\n") if body else [])


def _figures(figures: Sequence[Figure]) -> str:
    if not figures:
        return ""
    shown = figures[:MAX_FIGURES]
    lines = indented(figure_table(shown))
    lines += [f"  {named(figure.name)}: {lines_below(figure.note, '    ')}" for figure in shown if figure.note]
    return "\n".join(lines + left_out(len(figures) - MAX_FIGURES, "figures", f"narrow with metrics; {STRUCTURED}"))


def _series(part: Section) -> str:
    return "\n".join(indented(series_table(part.series))) if any(series.points for series in part.series) else ""


def _ranking(rows: Sequence[Row]) -> str:
    """Entities below each other, a column for each figure, with bars for the first."""
    if not rows:
        return ""
    names = list(dict.fromkeys(figure.name for row in rows for figure in row.figures))
    shown, figures = rows[:MAX_ROWS], [{figure.name: figure for figure in row.figures} for row in rows[:MAX_ROWS]]
    columns = [("#", [str(row.rank) if row.rank else "" for row in shown])]
    columns.append((_common_type(shown), [cell(row.entity_id) for row in shown]))
    for number, name in enumerate(names[:MAX_COLUMNS]):
        cells = [found.get(name) for found in figures]
        columns.append(column(named(name).upper(), cells))
        if number == 0:
            columns.append(("", _bars(cells)))
    lines = indented(filled([head for head, _ in columns], list(zip(*(texts for _, texts in columns), strict=True))))
    notes = [(row, figure) for row in shown for figure in row.figures if figure.note]
    lines += [_note(row, figure) for row, figure in notes[:MAX_NOTES]] + left_out(len(notes) - MAX_NOTES, "notes")
    lines += left_out(len(rows) - MAX_ROWS, "entries", f"narrow with entity_ids; {STRUCTURED}")
    hidden = ", ".join(map(named, names[MAX_COLUMNS:]))
    return "\n".join(lines + ([f"  … also known of each: {hidden}; {STRUCTURED}"] if hidden else []))


def _note(row: Row, figure: Figure) -> str:
    return f"  {cell(row.entity_id)}, {named(figure.name)}: {lines_below(figure.note or '', '    ')}"


def _bars(figures: Sequence[Figure | None]) -> list[str]:
    values = [figure.value if figure else None for figure in figures]
    known = [value for value in values if value is not None]
    is_share = any(figure is not None and figure.unit == "percent" for figure in figures)
    whole = 100.0 if is_share else max(known, default=0.0)
    if len(known) < 2 or whole <= 0 or min(known) < 0:
        return [""] * len(values)
    return ["" if value is None else bar(value / whole) for value in values]


def _common_type(rows: Sequence[Row]) -> str:
    kinds = {row.entity_type for row in rows}
    return cell(kinds.pop()).upper() if len(kinds) == 1 else "ENTITY"


def _data(data: dict[str, JsonObject]) -> str:
    shown: dict[str, JsonObject] = {}
    room = MAX_DATA
    for kind, one in data.items():
        room -= len(json.dumps(one, indent=2, ensure_ascii=False))
        if room >= 0 or not shown:
            shown[kind] = one
    lines = [shorten(json.dumps(shown, indent=2, ensure_ascii=False), MAX_DATA)] if shown else []
    lines += left_out(len(data) - len(shown), "types of data", f"ask for one with analytics_type; {STRUCTURED}")
    return section("Last reported data of each type:", lines)


def _levels(sections: Sequence[Section]) -> set[str]:
    figures = [figure for part in sections for figure in part.figures]
    figures += [figure for part in sections for row in part.rows for figure in row.figures]
    series = [level(one.evidence) for part in sections for one in part.series if one.points]
    findings = [level(one.evidence) for part in sections for one in part.findings if one.evidence]
    return {level(figure.evidence) for figure in figures if figure.value is not None} | {*series, *findings}

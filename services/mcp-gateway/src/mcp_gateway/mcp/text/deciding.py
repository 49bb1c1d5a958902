"""The analysis of decisions in text."""

from collections.abc import Sequence

from contracts.analytics import DecisionAnalysis, DecisionPattern, DecisionView
from mcp_gateway.mcp.text.figures import column, level, plain
from mcp_gateway.mcp.text.frame import STRUCTURED, closing, fitting, left_out, noted, period, summary
from mcp_gateway.mcp.text.layout import cell, counted, filled, indented, lines_below, moment, more, number, section

MAX_PATTERNS = 20
MAX_ALTERNATIVES = 5

_RIGHT = {"DECISIONS", "TAKEN BACK", "ALTERNATIVES", "CONFIDENCE", "COMPLETED"}


def analyzed(analysis: DecisionAnalysis) -> str:
    """After `analyze_decisions`."""
    parts = [
        _head(analysis),
        summary(analysis.summary),
        _patterns(analysis.patterns),
        _decisions(analysis),
        noted(analysis.notes),
        closing(analysis.standing, _levels(analysis.patterns)),
    ]
    return "\n\n".join(part for part in parts if part)


def _head(analysis: DecisionAnalysis) -> str:
    count = sum(pattern.count for pattern in analysis.patterns)
    when = period(analysis.time_range, analysis.since, analysis.until)
    return f"Decision analysis: {counted(count, 'decision')}\n{when}"


def _patterns(patterns: Sequence[DecisionPattern]) -> str:
    if not patterns:
        return ""
    shown = patterns[:MAX_PATTERNS]
    after, after_cells = column("RATE", [pattern.success for pattern in shown])
    without, without_cells = column("WITHOUT SUCH", [pattern.others_success for pattern in shown])
    header = ("TYPE", "DECISIONS", "TAKEN BACK", "ALTERNATIVES", "CONFIDENCE", "COMPLETED", after, without)
    rows = [(*_row(one), *rates) for one, *rates in zip(shown, after_cells, without_cells, strict=True)]
    lines = indented(filled(header, rows, _RIGHT)) + left_out(len(patterns) - MAX_PATTERNS, "types")
    return section("By type, and how the attempts ended:", lines)


def _row(pattern: DecisionPattern) -> tuple[str, ...]:
    return (
        cell(pattern.decision_type),
        f"{pattern.count:,}",
        f"{pattern.reversals:,}" if pattern.reversals else "",
        "" if pattern.alternatives_mean is None else plain(pattern.alternatives_mean),
        "" if pattern.confidence_mean is None else f"{number(pattern.confidence_mean)} %",
        f"{pattern.completed:,} of {pattern.attempts:,}" if pattern.attempts else "none ended",
    )


def _decisions(analysis: DecisionAnalysis) -> str:
    shown = fitting(map(_decision, analysis.decisions))
    how = f"{STRUCTURED}, and a smaller limit shorter pages"
    hidden = left_out(len(analysis.decisions) - len(shown), "decisions", how)
    return section("Decisions, newest first:", shown + hidden) + more(analysis.next_cursor)


def _decision(decision: DecisionView) -> str:
    below = " " * 8
    confidence = decision.confidence_percent
    sure = "" if confidence is None else f" ({number(confidence)} % sure)"
    chosen = lines_below(decision.chosen_option, below)
    lines = [
        f"  - {moment(decision.decided_at)} [{cell(decision.decision_type)}] {chosen}{sure}",
        f"      {_where(decision)}",
    ]
    hidden = len(decision.alternatives) - MAX_ALTERNATIVES
    instead = " | ".join(cell(one) for one in decision.alternatives[:MAX_ALTERNATIVES])
    details = [
        ("about", decision.description),
        ("instead of", f"{instead}{f' | … {hidden} more' if hidden > 0 else ''}"),
        ("because", decision.reasoning),
        ("may lead to", decision.impact_assessment),
        ("takes back", decision.reverses),
    ]
    lines += [f"      {name}: {lines_below(text, below)}" for name, text in details if text]
    return "\n".join(lines)


def _where(decision: DecisionView) -> str:
    parts = [decision.worker_id]
    if decision.task_id:
        parts.append(f"{decision.task_id}{f', attempt {decision.attempt}' if decision.attempt else ''}")
    parts.append(f"ended {cell(decision.outcome)}" if decision.outcome else "not over yet")
    return "; ".join(parts)


def _levels(patterns: Sequence[DecisionPattern]) -> set[str]:
    rates = [rate for pattern in patterns for rate in (pattern.success, pattern.others_success)]
    return {level(rate.evidence) for rate in rates if rate.value is not None}

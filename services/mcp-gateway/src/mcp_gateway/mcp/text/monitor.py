"""One task with all that is known of it, in text."""

import json

from contracts.base import JsonObject
from contracts.events.recovery import Completion, Observed, Verified
from contracts.events.reporting import AnalyticsType
from contracts.tasks import TERMINAL_STATES, FailureClass
from mcp_gateway.domain.outputs import Evidence, MonitorReport
from mcp_gateway.mcp.text.layout import cell, duration, lines_below, number, section
from mcp_gateway.mcp.text.questioning import open_line
from mcp_gateway.mcp.text.streaming import entry_line

_FAILURES = {
    FailureClass.retryable: "retryable - the attempts are used up; retry_task tries again",
    FailureClass.permanent: "permanent - another attempt would end the same way",
    FailureClass.poison: "poison - QUARANTINED, since workers did not survive it; only retry_task tries it again",
}
_ORDER = {kind.value: position for position, kind in enumerate(AnalyticsType)}


def monitored(report: MonitorReport) -> str:
    """After `monitor_task`."""
    parts = [
        _head(report),
        _milestones(report),
        _streams(report),
        _analytics(report),
        _details(report),
        _evidence(report.evidence),
        section("Open Questions:", map(open_line, report.questions)),
        section("Notes:", (f"  - {note}" for note in report.notes)),
    ]
    return "\n\n".join(part for part in parts if part)


def _head(report: MonitorReport) -> str:
    return "\n".join(
        [
            f"Task {report.task_id} Monitoring:",
            f"Status: {report.status}",
            f"Progress: {number(report.percent_complete)}%",
            f"Phase: {cell(report.phase)}",
        ]
    )


def _milestones(report: MonitorReport) -> str:
    reached = [f"  - {cell(fact.milestone_name, 200)} ({cell(fact.milestone_type)})" for fact in report.milestones]
    return section("Milestones:", reached or ["  (none yet)"])


def _details(report: MonitorReport) -> str:
    lines: list[str] = []
    if report.current_operation and report.state not in TERMINAL_STATES:
        lines.append(f"  Current operation: {cell(report.current_operation, 200)}")
    if report.assigned_worker:
        # A retry, or an attempt that its worker lost, goes on counting beyond what one try may take.
        most = f" of {report.max_attempts}" if report.attempt <= report.max_attempts else ""
        lines.append(f"  Worker: {report.assigned_worker} (attempt {report.attempt}{most})")
    if report.execution_time_ms is not None:
        lines.append(f"  Execution time: {duration(report.execution_time_ms)}")
    if report.reason:
        lines.append(f"  Reason: {lines_below(report.reason, '    ')}")
    if report.failure_class is not None:
        lines.append(f"  Failure: {_FAILURES[report.failure_class]}")
    if report.crashes:
        lines.append(f"  Crashes of workers: {report.crashes}")
    return section("Details:", lines)


def _streams(report: MonitorReport) -> str:
    entries = report.streams
    if entries is None:
        return ""
    if not entries:
        return "Recent Streams:\n  (none yet)"
    return section(f"Recent Streams (last {len(entries)}):", (f"  {entry_line(entry)}" for entry in entries))


def _analytics(report: MonitorReport) -> str:
    if report.analytics is None:
        return ""
    return f"Analytics:\n{json.dumps(_in_order(report.analytics), indent=2, ensure_ascii=False)}"


def _in_order(analytics: dict[str, JsonObject]) -> dict[str, JsonObject]:
    return dict(sorted(analytics.items(), key=lambda item: (_ORDER.get(item[0], len(_ORDER)), item[0])))


def _evidence(evidence: Evidence) -> str:
    lines: list[str] = []
    if evidence.claimed:
        lines.append(_claimed(evidence.claimed))
    if evidence.observed:
        lines.append(_observed(evidence.observed))
    if evidence.verified:
        lines += _verified(evidence.verified)
    lines += [f"  does not agree: {cell(sentence, 400)}" for sentence in evidence.discrepancies]
    if evidence.analytics:
        levels = (f"{kind} {level}" for kind, level in sorted(evidence.analytics.items()))
        lines.append(f"  analytics: {', '.join(levels)}")
    return section("Evidence:", lines)


def _claimed(claim: Completion) -> str:
    overview = f" - {lines_below(claim.summary.overview, '    ')}" if claim.summary.overview else ""
    return f"  reported: {claim.status}{overview}"


def _observed(seen: Observed) -> str:
    parts = [f"{seen.agent} {_ending(seen)} after {duration(seen.wall_ms)}"]
    if seen.memory_peak_mb:
        parts.append(f"peak memory {number(seen.memory_peak_mb)} MB")
    if seen.diff_stat:
        parts.append(cell(seen.diff_stat, 120))
    elif seen.files_changed:
        parts.append(f"{len(seen.files_changed)} files changed")
    parts += _result(seen)
    if seen.tokens_input or seen.tokens_output:
        parts.append(f"{seen.tokens_input} tokens in, {seen.tokens_output} out")
    if seen.cost_usd:
        parts.append(f"${seen.cost_usd:.4f}")
    return f"  observed: {'; '.join(parts)}"


def _result(seen: Observed) -> list[str]:
    """Where the result is, and what the reports of the run say."""
    parts: list[str] = []
    if seen.pushed:
        parts.append(f"pushed to {seen.branch}")
    if seen.push_error:
        parts.append(f"NOT pushed: {cell(seen.push_error, 300)}")
    if seen.bundle:
        parts.append(f"kept as {seen.bundle.bucket}/{seen.bundle.key}")
    if seen.tests:
        failed = sum(file.counts.failed + file.counts.errors for file in seen.tests)
        total = sum(file.counts.total for file in seen.tests)
        parts.append(f"JUnit: {failed} of {total} tests failed")
    if seen.coverage:
        parts.append(f"coverage {number(max(report.line_percent for report in seen.coverage))} % of lines")
    return parts


def _ending(seen: Observed) -> str:
    if seen.signal is not None:
        return f"was ended by signal {seen.signal}"
    return "ended" if seen.exit_code is None else f"exited with {seen.exit_code}"


def _verified(verified: Verified) -> list[str]:
    passed = sum(result.exit_code == 0 for result in verified.commands)
    verdict = "passed" if verified.passed else "FAILED"
    lines = [f"  verified: {verdict} ({passed} of {len(verified.commands)} commands exited with 0)"]
    for result in verified.commands:
        code = "did not end by itself" if result.exit_code is None else f"exited with {result.exit_code}"
        lines.append(f"    $ {cell(result.command, 200)}: {code} after {duration(result.duration_ms)}")
        if result.exit_code != 0 and result.output_tail:
            lines.append(f"        {lines_below(result.output_tail[-1_000:], ' ' * 8, 1_000)}")
    return lines

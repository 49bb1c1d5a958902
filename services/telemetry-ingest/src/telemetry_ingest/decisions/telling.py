"""Each event told in one line, for the live tail."""

from collections.abc import Callable
from typing import Any

from contracts.events import Event
from contracts.telemetry import TailEntry

MAX_LINE = 2_000


def tell(event: Event, *, stale: bool) -> TailEntry:
    """The tail's entry for an event."""
    return TailEntry.model_validate(told(event, stale=stale))


def told(event: Event, *, stale: bool) -> dict[str, Any]:
    """The same as plain values, for those who write many and read few."""
    return {
        "event_id": event.event_id,
        "kind": event.kind,
        "stream_type": event.body.stream_type.value if event.kind == "stream" else None,
        "content": _LINES[event.kind](event.body)[:MAX_LINE],
        "evidence": event.evidence.value,
        "attempt": event.attempt,
        "worker_id": event.worker_id,
        "occurred_at": event.occurred_at,
        "stale": stale,
    }


def _progress(body: Any) -> str:
    parts = [body.status]
    if body.phase:
        parts.append(f"in {body.phase}")
    if body.metrics.percent_complete is not None:
        parts.append(f"{body.metrics.percent_complete:g}%")
    if body.metrics.current_operation:
        parts.append(f"– {body.metrics.current_operation}")
    return " ".join(parts)


def _tests(body: Any) -> str:
    counts = body.results
    told = f"{body.test_suite}: {counts.passed} of {counts.total} passed"
    if counts.failed or counts.errors:
        told += f", {counts.failed} failed, {counts.errors} errors"
    return told + (f", {counts.skipped} skipped" if counts.skipped else "")


def _quality(body: Any) -> str:
    figures = body.metrics.model_dump(exclude_none=True)
    told = ", ".join(f"{name} {value:g}" for name, value in figures.items())
    return f"{body.file_path}: {told or 'no figures'}; {len(body.issues)} issues"


def _figures(title: str, figures: dict[str, Any]) -> str:
    told = ", ".join(f"{name} {value}" for name, value in figures.items() if not isinstance(value, dict | list))
    return f"{title}: {told}" if told else title


def _error(body: Any) -> str:
    told = f"[{body.severity.value}] {body.error_type}: {body.message}"
    if body.recovery_attempted:
        told += " (recovered)" if body.recovery_successful else " (recovery tried)"
    return told


def _completion(body: Any) -> str:
    return f"the agent says: {body.status.value}" + (f" – {body.summary.overview}" if body.summary.overview else "")


def _outcome(body: Any) -> str:
    told = f"attempt {body.status.value}" + (f": {body.reason}" if body.reason else "")
    if body.verified is not None:
        verdict = f"verification {'passed' if body.verified.passed else 'failed'}"
        # The reason of an attempt that failed by its verification says so itself, and how.
        told += "" if verdict in told else f"; {verdict}"
    return told


def _tool_call(body: Any) -> str:
    told = f"{body.tool_name} {body.status.value}"
    if body.duration_ms is not None:
        told += f" in {body.duration_ms} ms"
    if body.exit_code is not None:
        told += f" with exit code {body.exit_code}"
    return told + (f": {body.error}" if body.error else "")


def _token_usage(body: Any) -> str:
    cost = f", {body.cost_usd:.4f} USD" if body.cost_usd is not None else ""
    return f"{body.model}: {body.input_tokens} tokens in, {body.output_tokens} out{cost}"


def _coverage(body: Any) -> str:
    branches = f", branches {body.branch_percent:g}%" if body.branch_percent is not None else ""
    return f"{body.test_suite or 'coverage'}: lines {body.line_percent:g}%{branches}"


def _benchmark(body: Any) -> str:
    before = f" (before {body.baseline:g})" if body.baseline is not None else ""
    return f"{body.benchmark_name}: {body.value:g} {body.unit}{before}"


def _quota(body: Any) -> str:
    most = f" of {body.quota_limit:g}" if body.quota_limit is not None else ""
    return f"{body.provider}: {body.quota_used:g}{most} {body.unit} used"


def _grant(body: Any) -> str:
    change = f" {body.before or 'nothing'} → {body.after}" if body.after is not None else ""
    return f"{body.target}{change} {body.state.value}, granted by {body.granted_by}"


def _recovery(body: Any) -> str:
    return f"{body.error_type}: {body.strategy} – {'recovered' if body.successful else 'not recovered'}"


def _blocker(body: Any) -> str:
    return f"{'resolved' if body.resolved else body.severity.value} {body.blocker_type}: {body.description}"


def _checkpoint(body: Any) -> str:
    return f"checkpoint {body.name}" + (f": {body.description}" if body.description else "")


def _question(body: Any) -> str:
    options = f" ({' | '.join(body.options)})" if body.options else ""
    return f"{body.question_type.value} question: {body.question}{options}"


def _resource_request(body: Any) -> str:
    why = f": {body.justification}" if body.justification else ""
    return f"asks for {body.amount_needed} ({body.resource_type.value}){why}"


def _collaboration_request(body: Any) -> str:
    return f"asks {body.target_worker or 'any worker'} for {body.collaboration_type.value}: {body.task_description}"


def _collaboration_response(body: Any) -> str:
    return f"{body.status.value} {body.question_id}" + (f": {body.response}" if body.response else "")


_LINES: dict[str, Callable[[Any], str]] = {
    "stream": lambda body: body.content,
    "progress": _progress,
    "milestone": lambda body: f"{body.milestone_name} ({body.milestone_type})",
    "analytics": lambda body: _figures(body.analytics_type.value, body.data),
    "decision": lambda body: f"{body.chosen_option} – {body.reasoning}",
    "plan": lambda body: f"{body.plan_type.value} plan, {len(body.steps)} steps",
    "tests": _tests,
    "quality": _quality,
    "resource": lambda body: _figures(body.resource_type.value, body.metrics),
    "profile": lambda body: f"{body.profile_type.value} profile, {len(body.hotspots)} hotspots",
    "error": _error,
    "completion": _completion,
    "outcome": _outcome,
    "tool_call": _tool_call,
    "token_usage": _token_usage,
    "plan_step": lambda body: f"step {body.step_id} {body.status.value}" + (f": {body.note}" if body.note else ""),
    "coverage": _coverage,
    "benchmark": _benchmark,
    "security_scan": lambda body: f"{body.scanner}: {len(body.findings)} findings",
    "dependency_analysis": lambda body: f"{body.ecosystem}: {body.total or len(body.dependencies)} dependencies",
    "code_change": lambda body: f"{body.change_type}: {body.description}",
    "artifact": lambda body: f"artifact {body.name}",
    "checkpoint": _checkpoint,
    "api_quota": _quota,
    "grant": _grant,
    "recovery": _recovery,
    "blocker": _blocker,
    "session_end": lambda body: "the worker is to leave" + (f": {body.reason}" if body.reason else ""),
    "question": _question,
    "resource_request": _resource_request,
    "collaboration_request": _collaboration_request,
    "collaboration_response": _collaboration_response,
    "learning": lambda body: f"learned: {body.title}",
    "registered": lambda body: f"worker {body.worker_id} registered on {body.hostname}",
}

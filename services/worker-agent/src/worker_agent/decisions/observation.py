"""What was seen of an attempt, put together: its process, its changes, its reports, and where its result is."""

from dataclasses import dataclass

from contracts.events.deliverables import StoredObject
from contracts.events.recovery import Observed, ObservedCoverage, ObservedTests, Verified
from contracts.sandbox import WorkspaceDiff, WorkspacePublished
from worker_agent.decisions.lines import shortened
from worker_agent.domain import AttemptRecord

MAX_FILES = 1_000
MAX_STAT = 20_000
MAX_COMMITS = 200


@dataclass(frozen=True, slots=True)
class Found:
    """The reports of tests and coverage that a run wrote."""

    tests: tuple[ObservedTests, ...] = ()
    coverage: tuple[ObservedCoverage, ...] = ()


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the result of an attempt is once its agent is gone."""

    published: WorkspacePublished | None = None
    push_error: str | None = None
    bundle: StoredObject | None = None
    unsaved: bool = False
    """Whether the workspace may hold work that is nowhere else yet."""


def observed(
    record: AttemptRecord, diff: WorkspaceDiff | None, verified: Verified | None, found: Found, result: Whereabouts
) -> Observed | None:
    """None for an agent that was never started."""
    if record.started_at is None:
        return None
    values = _of_the_process(record) | _of_the_changes(record, diff) | _of_the_result(result)
    values["result_commit"] = values["result_commit"] or (verified and verified.commit) or (diff and diff.head_commit)
    return Observed.model_validate(
        values | {"test_commands": record.test_commands, "tests": list(found.tests), "coverage": list(found.coverage)}
    )


def all_changed(diff: WorkspaceDiff | None) -> list[str] | None:
    """Every path that differs from the start, and the old names of those that were renamed; None if some may lack."""
    if diff is None or diff.truncated:
        return None
    return [path for change in diff.files for path in (change.path, change.previous_path) if path]


def _of_the_process(record: AttemptRecord) -> dict[str, object]:
    process, end = record.process, record.agent_end
    values: dict[str, object] = {
        "agent": record.agent,
        "agent_version": end.version,
        "model": end.model,
        "tokens_input": end.tokens_input,
        "tokens_output": end.tokens_output,
        "tokens_cached": end.tokens_cached,
        "cost_usd": end.cost_usd,
    }
    if process is not None:
        values |= {
            "exit_code": process.exit_code,
            "signal": process.signal,
            "wall_ms": process.duration_ms,
            "cpu_ms": process.usage.cpu_ms,
            "memory_peak_mb": process.usage.memory_peak_mb,
            "output_bytes": process.usage.output_bytes,
        }
    return values


def _of_the_changes(record: AttemptRecord, diff: WorkspaceDiff | None) -> dict[str, object]:
    if diff is None:
        return {"base_commit": record.base_commit}
    return {
        "base_commit": diff.base_commit,
        "diff_stat": shortened(diff.stat, MAX_STAT),
        "files_changed": [change.path for change in diff.files[:MAX_FILES]],
        "lines_added": diff.added_lines,
        "lines_removed": diff.removed_lines,
    }


def _of_the_result(result: Whereabouts) -> dict[str, object]:
    published = result.published
    return {
        "branch": published.branch if published else None,
        "result_commit": published.commit if published else None,
        "commits": list(published.commits[:MAX_COMMITS]) if published else [],
        "pushed": published.pushed if published else None,
        "push_error": result.push_error,
        "bundle": result.bundle,
    }

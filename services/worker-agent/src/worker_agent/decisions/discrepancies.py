"""Where what an agent says of its end and what was seen of it do not agree."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence

from contracts.events.quality import TestCounts
from contracts.events.recovery import Completion, CompletionStatus, CompletionSummary, Observed, Verified
from worker_agent.decisions.report_files import MOST_FILES

MOST_NAMED = 5
TOLERANCE_PERCENT = 1.0


def discrepancies(
    claim: Completion | None, observed: Observed | None, verified: Verified | None, changed: Sequence[str] | None
) -> list[str]:
    """A sentence for each; none where nothing was claimed, or nothing is known that speaks against it.

    `changed` is every path that differs from the start, old names too; None when not all of them are known.
    """
    if claim is None:
        return []
    found = [*_of_the_verification(claim, verified)]
    if observed is not None:
        found += _of_the_tests(claim.summary.tests, observed)
        found += _of_the_coverage(claim.summary.tests, observed)
    if changed is not None:
        found += _of_the_files(claim.summary, changed)
    return found


def _of_the_verification(claim: Completion, verified: Verified | None) -> Iterator[str]:
    if verified is not None and not verified.passed and claim.status is CompletionStatus.completed:
        yield "It says that it completed the task; the verification failed."


def _of_the_tests(claimed: TestCounts | None, observed: Observed) -> Iterator[str]:
    if claimed is None or claimed.failed or claimed.errors or not claimed.total:
        return
    said = f"It says that no test failed ({claimed.passed} of {claimed.total} passed)"
    for file in observed.tests:
        counts = file.counts
        if counts.failed or counts.errors:
            yield f"{said}; {file.path} shows {_bad(counts)} of {counts.total}."
            break
    last = observed.test_commands[-1] if observed.test_commands else None
    if last is not None and last.exit_code:
        yield f"{said}; its last test run, `{last.command[:200]}`, exited with {last.exit_code}."
    seen = sum(file.counts.total for file in observed.tests)
    if 0 < len(observed.tests) < MOST_FILES and claimed.total > seen:
        yield f"It says that {claimed.total} tests ran; the JUnit files show {seen} in all."


def _of_the_coverage(claimed: TestCounts | None, observed: Observed) -> Iterator[str]:
    if claimed is None or claimed.line_coverage_percent is None or not observed.coverage:
        return
    best = max(observed.coverage, key=lambda report: report.line_percent)
    if claimed.line_coverage_percent > best.line_percent + TOLERANCE_PERCENT:
        said = f"It says that the tests reach {claimed.line_coverage_percent:g} % of the lines"
        yield f"{said}; {best.path} shows {best.line_percent:g} %."


def _of_the_files(summary: CompletionSummary, changed: Sequence[str]) -> Iterator[str]:
    named = dict.fromkeys([*summary.files_created, *summary.files_modified, *summary.files_deleted])
    unchanged = [path for path in named if not _is_among(path, changed)]
    if unchanged:
        yield f"It says that it changed {_listed(unchanged)}: no difference from the start is seen there."


def _is_among(path: str, changed: Iterable[str]) -> bool:
    """An agent may name a file by its absolute path, or by a folder that ends in `/`."""
    plain = posixpath.normpath(path)
    return any(plain == one or plain.endswith(f"/{one}") or one.startswith(f"{plain}/") for one in changed)


def _bad(counts: TestCounts) -> str:
    parts = ((counts.failed, "failed"), (counts.errors, "with errors"))
    return " and ".join(f"{many} {what}" for many, what in parts if many)


def _listed(paths: Sequence[str]) -> str:
    more = len(paths) - MOST_NAMED
    return ", ".join(path[:200] for path in paths[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")

"""The text of error_analysis."""

from contracts.analytics import ErrorAnalysis
from mcp_gateway.mcp.text.failing import analyzed
from tests.support.reports import errors_of_hour

ERRORS = """\
Error analysis: 48 errors
Period: last_hour, 2026-11-23 11:00:00Z to 2026-11-23 12:00:00Z

Summary:
  - TimeoutError is new since 11:20, and grows.

By severity:
  error     ██████████  43
  critical  █░░░░░░░░░   5

By type:
  TimeoutError  ██████████  36
  ImportError   ███░░░░░░░  12

Error budget:
  ██████████ 166.7 % of the budget is used up, more than there is
  98 % of tasks should complete: 2.4 of 120 may fail, 4 failed

Over time:
  TREND         FIRST → LAST  LOWEST–HIGHEST       POINTS  EVIDENCE
  errors  ▁▂▅█  2 → 25        2–25            4 by minute  reported

Groups, the most frequent first:
  - 36 × TimeoutError (critical, new): connection to pypi.org timed out after 30 s
      at: client.py:120 in fetch
      seen: 2026-11-23 11:20:00Z to 2026-11-23 11:59:00Z; 9 tasks on worker-2, worker-1
      trend: ▁▂ ▅█
      recovered: 4 of 8 tries: retry with backoff 4 of 8, 50 % (95 %: 21.5–78.5) [reported]
      fingerprint: 9f86d081884c7d65
  - 12 × ImportError (error): No module named 'shop'
      seen: 2026-11-14 12:00:00Z to 2026-11-23 11:57:00Z; 1 task on worker-1
      fingerprint: 60303ae22b998861

More: call again with cursor "g2".

Ways to recover:
  STRATEGY            TRIED  WORKED  RATE              INTERVAL           EVIDENCE
  retry with backoff      8       4  50 %  █████░░░░░  (95 %: 21.5–78.5)  reported

Evidence: reported = an agent said so.
As of 2026-11-23 12:00:00Z, position 48213.
"""


def test_errors_are_grouped_with_where_since_when_and_what_helped() -> None:
    assert analyzed(errors_of_hour()) + "\n" == ERRORS


def test_no_errors_are_told_in_a_few_lines() -> None:
    nothing = errors_of_hour(
        total=0,
        by_severity={},
        by_type={},
        groups=[],
        strategies=[],
        series=[],
        summary=[],
        budget=None,
        next_cursor=None,
    )
    assert analyzed(nothing).splitlines() == [
        "Error analysis: no errors",
        "Period: last_hour, 2026-11-23 11:00:00Z to 2026-11-23 12:00:00Z",
        "",
        "As of 2026-11-23 12:00:00Z, position 48213.",
    ]


def test_where_it_is_not_known_how_many_there_were_the_head_tells_from_where_to_where() -> None:
    assert analyzed(errors_of_hour(total=5, least=2)).splitlines()[0] == "Error analysis: 2 to 5 errors"


def test_failed_tasks_are_told_by_class() -> None:
    text = analyzed(errors_of_hour(failures={"permanent": 1, "poison": 3}))
    assert "Failed tasks by class:\n  poison     ██████████  3\n  permanent  ███░░░░░░░  1\n" in text


def many(count: int) -> ErrorAnalysis:
    group = errors_of_hour().groups[0].model_copy(update={"message": "x" * 400})
    return errors_of_hour(groups=[group] * count, by_type={f"Error{number}": 1 for number in range(count)})


def test_what_is_too_long_is_counted_and_told_how_to_see() -> None:
    text = analyzed(many(100))
    assert "  … 90 more types; the structured content has all" in text
    assert "more groups; the structured content has all, and a smaller limit shorter pages" in text
    assert len(text) < 25_000


def test_workers_that_are_not_named_are_counted() -> None:
    group = errors_of_hour().groups[0]
    names = [f"worker-{number}" for number in range(7)]
    text = analyzed(errors_of_hour(groups=[group.model_copy(update={"workers": names, "workers_affected": 9})]))
    assert "9 tasks on worker-0, worker-1, worker-2, worker-3, worker-4 and 4 more" in text

"""The text of get_analytics, performance_report and quality_dashboard."""

# ruff: noqa: E501

from contracts.analytics import AnalyticsReport, EntityType, Row, Section
from mcp_gateway.mcp.text.reporting import analytics, performance, quality
from tests.support.reports import (
    analytics_of_task,
    comparative_report,
    figure,
    performance_of_system,
    quality_of_repository,
)

COMPARED = """\
Performance report (comparative): worker worker-1, worker-2, worker-3
Period: last_24_hours, 2026-11-22 12:00:00Z to 2026-11-23 12:00:00Z

Summary:
  - worker-2 needs 31 % longer than worker-1 for its tasks, and fails more of them.

Ranked by success rate:
  - high: Tasks of worker-2 take longer than those of worker-1: 6 min 09 s against 4 min 42 s. (Cliff's delta 0.42, p = 0.0031, n = 77, observed)

  #  WORKER    SUCCESS RATE (platform)               EXECUTION TIME P50 (observed)  MEMORY PEAK
  1  worker-1  95.2 % (95 %: 84.2–98.7)  █████████░  4 min 42 s                     61.4 MB [observed]
  2  worker-3  91.7 % (95 %: 78.2–97.1)  █████████░  5 min 01 s                     55 MB [observed]
  3  worker-2  74.3 % (95 %: 57.9–85.8)  ███████░░░  6 min 09 s                     88.9 MB [reported]
  worker-2, memory peak: Its sandbox does not tell the memory.

Notes:
  - worker-3 ran tasks of one repository alone.

Evidence: reported = an agent said so; observed = the worker saw it; platform = the platform's own books.
As of 2026-11-23 12:00:00Z, position 48213.
"""
SYSTEM = """\
Performance report: the whole system
Period: last_24_hours, 2026-11-22 12:00:00Z to 2026-11-23 12:00:00Z

Summary:
  - Tasks take 12 % longer than the day before.
  - Nothing waits in the queue for long.

Execution time:
  FIGURE                   VALUE  INTERVAL                       SAMPLES  CHANGE                           EVIDENCE
  execution time p50  4 min 42 s  (95 %: 4 min 26 s–5 min 01 s)      212  ▲ 11.9 % worse (was 4 min 12 s)  observed
  execution time p95  2 h 05 min                                     212                                   observed

  TREND                      FIRST → LAST             LOWEST–HIGHEST            POINTS  EVIDENCE
  execution time p50  ▁▁ ▅█  4 min 12 s → 4 min 42 s  4 min 11 s–4 min 42 s  4 by hour  observed

Success:
  FIGURE          VALUE              INTERVAL           SAMPLES  CHANGE                          EVIDENCE
  success rate   88.2 %  █████████░  (95 %: 83.1–91.9)      212  ▲ 4.2 points better (was 84 %)  platform
  verified rate  79.4 %  ████████░░  (95 %: 70.6–86.1)      102                                  verified
  verified rate: 110 tasks had nothing to verify.

Queue:
  FIGURE           VALUE  SAMPLES  CHANGE     EVIDENCE
  queue depth          4    1,440  unchanged  platform
  queue age p95  no data                      -

  Note: The queue was not sampled between 03:00 and 03:10.

Tokens and cost:
  FIGURE               VALUE  SAMPLES  EVIDENCE
  tokens       18.4 M tokens       96  reported
  cost                $41.30       96  reported
  memory peak         1.5 GB      212  observed

Evidence: reported = an agent said so; observed = the worker saw it; verified = the platform ran it itself; platform = the platform's own books.
As of 2026-11-23 12:00:00Z, position 48213, cached.
"""
QUALITY = """\
Quality dashboard: repository shop
Period: last_30_days, 2026-10-24 12:00:00Z to 2026-11-23 12:00:00Z

Summary:
  - Line coverage fell by 6.5 points since 2026-11-21; the claim of the last task was not verified.

Coverage:
  - critical: Line coverage is 6.5 points below its baseline. (-6.5 percentage points, p < 0.001, n = 31, observed)

  FIGURE            VALUE              SAMPLES  CHANGE                         EVIDENCE
  coverage line    84.5 %  ████████░░       31  ▼ 6.5 points worse (was 91 %)  observed
  coverage branch    71 %  ███████░░░       31  unchanged                      reported

  TREND                 FIRST → LAST   LOWEST–HIGHEST    POINTS  EVIDENCE
  coverage line  ███▅▁  91 % → 84.5 %  84.5–91 %       5 by day  observed

Security:
  FIGURE           VALUE  SAMPLES  EVIDENCE
  security rating    3.5        4  verified

Evidence: reported = an agent said so; observed = the worker saw it; verified = the platform ran it itself.
As of 2026-11-23 12:00:00Z, position 48213.
"""
ANALYTICS = """\
Analytics: task task-abc123
Period: all, 2026-11-23 10:00:00Z to 2026-11-23 12:00:00Z

Tests:
  FIGURE           VALUE              SAMPLES  EVIDENCE
  test pass rate  98.4 %  █████████░       64  verified
  tests claimed    100 %  ██████████       64  reported

Last reported data of each type:
{
  "performance": {
    "execution_time_ms": 4532000,
    "memory_peak_mb": 512,
    "cpu_average_percent": 35
  },
  "quality": {
    "test_coverage": 92,
    "complexity_score": 15,
    "maintainability_index": 78
  }
}

Evidence: reported = an agent said so; verified = the platform ran it itself.
As of 2026-11-23 12:00:00Z, position 48213.
"""


def test_a_comparison_ranks_with_bars_and_says_the_differences_in_words() -> None:
    assert performance(comparative_report()) + "\n" == COMPARED


def test_a_performance_report_shows_changes_trends_notes_and_evidence() -> None:
    assert performance(performance_of_system()) + "\n" == SYSTEM


def test_a_quality_dashboard_puts_findings_before_figures() -> None:
    assert quality(quality_of_repository()) + "\n" == QUALITY


def test_analytics_show_the_last_data_of_each_type_as_the_references_example_does() -> None:
    assert analytics(analytics_of_task()) + "\n" == ANALYTICS


def test_a_report_of_nothing_says_so_and_what_to_try() -> None:
    empty = [Section(name="queue", title="Queue", figures=[figure("queue_depth", None, "count")])]
    for sections in ([], empty):
        text = performance(performance_of_system(sections=sections, summary=[]))
        assert "Nothing is known of this period; a longer time_range may show more" in text
    assert "Nothing is known" not in performance(performance_of_system())
    unknown = performance(analytics_of_task(sections=[], data={}, time_range="all"))
    assert "Nothing is known of this; see that the ids are right." in unknown


def test_the_subject_is_told_by_name_unless_there_are_many() -> None:
    def subject(**changes: object) -> str:
        return analytics(analytics_of_task(**changes)).splitlines()[0]

    assert subject(entity_type=EntityType.worker, entity_ids=[]) == "Analytics: all workers"
    assert subject(entity_type=EntityType.repository, entity_ids=[]) == "Analytics: all repositories"
    ids = [f"task-{number}" for number in range(7)]
    assert subject(entity_ids=ids) == "Analytics: task task-0, task-1, task-2, task-3, task-4 and 2 more"


def of_sections(*sections: Section) -> AnalyticsReport:
    return comparative_report(sections=list(sections))


def test_long_parts_are_cut_and_say_what_was_left_out_and_how_to_get_it() -> None:
    figures = [figure(f"figure_{number}", number, "count") for number in range(50)]
    rows = [Row(entity_type="worker", entity_id=f"worker-{number}", figures=figures[:8]) for number in range(30)]
    text = performance(of_sections(Section(name="all", title="All", figures=figures, rows=rows)))
    assert "  … 10 more figures; narrow with metrics; the structured content has all" in text
    assert "  … 5 more entries; narrow with entity_ids; the structured content has all" in text
    assert "  … also known of each: figure 6, figure 7; the structured content has all" in text


def test_sections_beyond_the_length_of_a_text_are_named() -> None:
    figures = [figure(f"figure_{number}", number, "count", note="x" * 300) for number in range(40)]
    text = performance(of_sections(*(Section(name=name, title=name, figures=figures) for name in ("a", "b", "c"))))
    assert "Left out here, for length: b, c. Ask for fewer metrics to see them" in text
    assert len(text) < 25_000


def test_data_beyond_its_length_is_left_out_by_type() -> None:
    data = {"quality": {"text": "x" * 5_000}, "test": {"text": "y" * 5_000}, "code": {"lines": 1}}
    text = analytics(analytics_of_task(data=data))
    assert '"lines": 1' not in text
    assert "… 2 more types of data; ask for one with analytics_type" in text


def test_what_a_worker_named_cannot_steer_a_terminal() -> None:
    rows = [Row(entity_type="agent", entity_id="\x1b[31mred", figures=[figure("cost\x07", 1, "usd")])]
    text = performance(of_sections(Section(name="s", title="S\x1b[2J", rows=rows)))
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_report_of_nothing_over_all_of_the_time_does_not_ask_for_more_time() -> None:
    text = performance(performance_of_system(sections=[], summary=[], time_range="all"))
    assert "Nothing is known of this period." in text
    assert "longer time_range" not in text

"""Quality: what agents claimed, what was seen and verified of it, tests and coverage."""

from deploy.observability.dashboards.panels import Dashboard, Query, Row, number, over_time
from deploy.observability.dashboards.promql import greatest, increase

DAY = 'window="24h"'


def _mean(metric: str, by: str) -> str:
    return f"avg({greatest(metric, by, DAY)})"


NOW = Row(
    "The last 24 hours",
    (
        number("Tasks completed", "percentunit", greatest("mews_quality_task_success_ratio", where=DAY)),
        number("Tests passed", "percentunit", _mean("mews_quality_test_pass_ratio", "evidence")),
        number("Line coverage", "percentunit", _mean("mews_quality_line_coverage_ratio", "evidence")),
        number("Maintainability", "none", _mean("mews_quality_maintainability_index", "evidence")),
        number("Claims that held", "percentunit", _mean("mews_quality_claims_agreed_ratio", "agent")),
        number(
            "Verifications passed",
            "percentunit",
            _mean("mews_quality_verification_pass_ratio", "agent"),
        ),
    ),
)
TRUST = Row(
    "Claimed and verified",
    (
        over_time(
            "Attempts by claim and verification",
            "none",
            Query(increase("mews_outcomes_total", "claimed, verified"), "claims {{claimed}}, verified {{verified}}"),
            stacked=True,
        ),
        over_time(
            "Claims that did not hold", "none", Query(increase("mews_claims_disagreed_total", "agent"), "{{agent}}")
        ),
        over_time(
            "Claims that held, by agent",
            "percentunit",
            Query(greatest("mews_quality_claims_agreed_ratio", "agent, window"), "{{agent}}, {{window}}"),
        ),
        over_time(
            "Verifications passed, by agent",
            "percentunit",
            Query(greatest("mews_quality_verification_pass_ratio", "agent, window"), "{{agent}}, {{window}}"),
        ),
        over_time(
            "Tasks completed", "percentunit", Query(greatest("mews_quality_task_success_ratio", "window"), "{{window}}")
        ),
        over_time(
            "Attempts by agent", "none", Query(increase("mews_outcomes_total", "agent"), "{{agent}}"), stacked=True
        ),
    ),
)
TESTS = Row(
    "Tests and code",
    (
        over_time(
            "Tests passed",
            "percentunit",
            Query(greatest("mews_quality_test_pass_ratio", "evidence, window"), "{{evidence}}, {{window}}"),
        ),
        over_time(
            "Tests run",
            "none",
            Query(greatest("mews_quality_tests_run", "evidence, window"), "{{evidence}}, {{window}}"),
        ),
        over_time(
            "Line coverage",
            "percentunit",
            Query(greatest("mews_quality_line_coverage_ratio", "evidence, window"), "{{evidence}}, {{window}}"),
        ),
        over_time(
            "Maintainability",
            "none",
            Query(greatest("mews_quality_maintainability_index", "evidence, window"), "{{evidence}}, {{window}}"),
        ),
        over_time(
            "Projection: age of the newest event",
            "s",
            Query("time() - max(mews_projection_newest_event_timestamp_seconds{@})", "age"),
            about="How old what these figures rest on is.",
        ),
    ),
)

DASHBOARD = Dashboard("mews-quality", "mews: quality", __doc__ or "", (NOW, TRUST, TESTS))

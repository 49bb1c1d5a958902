"""Groups of errors in a time: what is known of them, and between which bounds it is where it is not."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from analytics_query.decisions.reports import errors
from analytics_query.decisions.reports.error_groups import KnownGroup, MetGroup, among, groups_in, worse_than
from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.decisions.time_ranges import time_range
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import Dimension
from contracts.events.recovery import Severity

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
DAY = time_range("last_24_hours", NOW)


def known(name: str, ever: int, of_filter: int | None = None) -> KnownGroup:
    of_others = 0 if of_filter is None else ever - of_filter
    return KnownGroup(name, name, Severity.critical, "it broke", "", NOW, NOW, ever, of_filter, of_others)


def met(*groups: tuple[KnownGroup, Mapping[str, int]]) -> list[MetGroup]:
    spans = {
        (Dimension.error, group.fingerprint): Figures(
            counts={"errors": sum(found.values())} | {f"errors:{name}": count for name, count in found.items()}
        )
        for group, found in groups
    }
    return groups_in(Reading(DAY, NOW, {Span.now: spans}), [group for group, _ in groups])


@pytest.mark.parametrize(
    ("ever", "of_filter", "now", "least", "most"),
    [(10, None, 4, 4, 4), (10, 10, 4, 4, 4), (4, 3, 4, 3, 3), (10, 6, 5, 1, 5), (10, 2, 5, 0, 2), (10, 9, 5, 4, 5)],
    ids=["no filter", "all are of it", "all are in the time", "in between", "few are of it", "most are of it"],
)
def test_how_often_a_worker_met_an_error_lies_between_what_all_met_and_what_it_ever_met(
    ever: int, of_filter: int | None, now: int, least: int, most: int
) -> None:
    [group] = met((known("a", ever, of_filter), {"error": now}))
    assert (group.least, group.count) == (least, most)


def test_a_known_total_narrows_what_is_known_of_each_group() -> None:
    groups = met((known("a", 20, 10), {"error": 8}), (known("b", 9, 3), {"error": 2}))
    assert [(one.least, one.count) for one in groups] == [(0, 8), (0, 2)]
    assert [(one.least, one.count) for one in among(groups, 7)] == [(5, 7), (0, 2)]
    for total in (10, 99):
        assert [(one.least, one.count) for one in among(groups, total)] == [(8, 8), (2, 2)]


def test_severities_are_told_only_where_they_are_known_of_every_error() -> None:
    mixed, plain = {"critical": 1, "error": 3}, {"error": 4}
    assert errors.totals_of(met((known("a", 4), mixed))).by_severity == mixed
    assert errors.totals_of(met((known("a", 4, 3), plain))).by_severity == {"error": 3}
    assert errors.totals_of(met((known("a", 4, 3), mixed))).by_severity == {}


def test_a_group_may_have_milder_errors_than_its_worst() -> None:
    assert worse_than(["critical"]) == []
    assert worse_than(["warning"]) == ["critical", "error"]
    assert worse_than(["info", "error"]) == ["critical", "warning"]

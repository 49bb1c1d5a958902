"""Whatever a report holds, it can be told, in a text of bounded length that shows each level of evidence."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.analytics import ErrorGroup, Figure, Finding, Point, Row, Section, Series
from contracts.base import Level
from contracts.events import Evidence
from contracts.events.recovery import Severity
from mcp_gateway.mcp.text.failing import analyzed
from mcp_gateway.mcp.text.figures import NO_VALUE, level
from mcp_gateway.mcp.text.reporting import performance
from tests.support.reports import NOON, errors_of_hour, performance_of_system

LONGEST = 40_000

names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60)
numbers = st.floats(-1e12, 1e12, allow_nan=False)
maybe = st.none() | numbers
evidence = st.none() | st.sampled_from(Evidence)
units = st.sampled_from(
    ["ms", "percent", "count", "per_hour", "mb", "usd", "tokens", "score", "mb_per_hour", "things_per_slot"]
)
figures = st.builds(
    Figure, name=names, value=maybe, unit=units, samples=st.integers(0, 10**9), low=maybe, high=maybe,
    evidence=evidence, better=st.sampled_from([None, "higher", "lower"]), baseline=maybe, note=st.none() | names,
)  # fmt: skip
points = st.lists(
    st.builds(Point, at=st.integers(-500, 0).map(lambda n: NOON + timedelta(minutes=n)), value=numbers), max_size=80
)
series = st.builds(
    Series, name=names, unit=units, resolution=st.sampled_from(["minute", "hour", "day", "week"]), points=points,
    evidence=evidence,
)  # fmt: skip
rows = st.builds(
    Row, entity_type=names, entity_id=names, rank=st.none() | st.integers(1, 9), figures=st.lists(figures, max_size=9)
)
findings = st.builds(
    Finding, kind=names, severity=st.sampled_from(Level), text=names, effect=maybe,
    effect_measure=st.sampled_from([None, "cliffs_delta", "mads", "percentage_points", "mb_per_hour"]),
    p_value=st.none() | st.floats(0, 1), samples=st.integers(0, 10**9), evidence=evidence,
)  # fmt: skip
sections = st.builds(
    Section, name=names, title=names, figures=st.lists(figures, max_size=6), series=st.lists(series, max_size=3),
    rows=st.lists(rows, max_size=5), findings=st.lists(findings, max_size=3), notes=st.lists(names, max_size=2),
)  # fmt: skip
groups = st.builds(
    ErrorGroup, fingerprint=names, error_type=names, severity=st.sampled_from(Severity), message=names,
    place=st.none() | names, count=st.integers(0, 10**9), first_seen=st.just(NOON), last_seen=st.just(NOON),
    is_new=st.booleans(), workers=st.lists(st.sampled_from(["worker-1", "worker-2"]), max_size=9),
    tasks_affected=st.integers(0, 9), trend=points,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(sections, max_size=4))
def test_any_report_can_be_told(parts: list[Section]) -> None:
    text = performance(performance_of_system(sections=parts))
    assert len(text) < LONGEST
    assert all(character.isprintable() or character in "\n\t" for character in text if character < "\xa0")
    if "Left out here" not in text:
        shown = [figure for part in parts for figure in part.figures]
        assert all(level(figure.evidence) in text for figure in shown if figure.value is not None)
        assert all(figure.value is not None for figure in shown) or NO_VALUE in text


@settings(max_examples=40, deadline=None)
@given(st.lists(groups, max_size=6), st.dictionaries(names, st.integers(0, 10**6), max_size=12))
def test_any_errors_can_be_told(found: list[ErrorGroup], by_type: dict[str, int]) -> None:
    text = analyzed(errors_of_hour(groups=found, by_type=by_type))
    assert text.startswith("Error analysis: 48 errors")
    assert len(text) < LONGEST

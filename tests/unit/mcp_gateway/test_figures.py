from datetime import timedelta

import pytest

from contracts.analytics import Figure, Finding
from contracts.base import Level
from mcp_gateway.mcp.text.figures import change, figure_table, finding_line, interval, legend, quantity, trend
from tests.support.reports import figure, points


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ms", "no data"),
        (1_200, "ms", "1.2 s"),
        (7_500_000, "ms", "2 h 05 min"),
        (4.25, "ms", "4.2 ms"),
        (92.34, "percent", "92.3 %"),
        (12_345, "count", "12,345"),
        (2.5, "count", "2.5"),
        (0.004_21, "ratio", "0.0042"),
        (12.34, "per_hour", "12.3/h"),
        (4_500, "per_second", "4,500/s"),
        (512, "mb", "512 MB"),
        (1_536, "mb", "1.5 GB"),
        (-3.2, "mb_per_hour", "-3.2 MB/h"),
        (41.3, "usd", "$41.30"),
        (0.0123, "usd", "$0.0123"),
        (-2, "usd", "-$2.00"),
        (950, "tokens", "950 tokens"),
        (18_412, "tokens", "18.4 k tokens"),
        (18_412_000, "tokens", "18.4 M tokens"),
        (78, "score", "78"),
        (3, "tasks_per_slot", "3 tasks/slot"),
    ],
)
def test_values_are_told_in_units_for_people(value: float | None, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (figure("success_rate", 80, "percent", low=71, high=88), "(95 %: 71–88)"),
        (figure("time", 282_000, "ms", low=266_000, high=301_000), "(95 %: 4 min 26 s–5 min 01 s)"),
        (figure("leak", 3, "mb_per_hour", low=-0.5, high=6.5), "(95 %: -0.5–6.5)"),
        (figure("success_rate", 80, "percent", low=71), ""),
    ],
)
def test_an_interval_stands_in_brackets(given: Figure, text: str) -> None:
    assert interval(given) == text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (figure("time", 112_000, "ms", baseline=100_000, better="lower"), "▲ 12 % worse (was 1 min 40 s)"),
        (figure("time", 88_000, "ms", baseline=100_000, better="lower"), "▼ 12 % better (was 1 min 40 s)"),
        (figure("rate", 88.2, "percent", baseline=84, better="higher"), "▲ 4.2 points better (was 84 %)"),
        (figure("tokens", 500, "tokens", baseline=1_000), "▼ 50 % (was 1,000 tokens)"),
        (figure("errors", 3, "count", baseline=0, better="lower"), "▲ worse (was 0)"),
        (figure("errors", 3, "count", baseline=3, better="lower"), "unchanged"),
        (figure("errors", 0, "count", baseline=0, better="lower"), "unchanged"),
        (figure("errors", None, "count", baseline=3), ""),
        (figure("errors", 3, "count"), ""),
    ],
)
def test_a_change_says_in_words_whether_it_is_good(given: Figure, text: str) -> None:
    assert change(given) == text


@pytest.mark.parametrize(("value", "letter"), [(1, "A"), (4, "D"), (5, "E")])
def test_a_rating_is_read_as_its_letter(value: float, letter: str) -> None:
    assert quantity(value, "rating") == letter


def test_every_figure_shows_its_evidence_and_one_without_a_value_none() -> None:
    figures = [
        figure("said", 1, "count", evidence="reported"),
        figure("seen", 2, "count", evidence="observed"),
        figure("run", 3, "count", evidence="verified"),
        figure("kept", 4, "count"),
        figure("unknown", None, "count", evidence="verified"),
    ]
    assert [line.split()[-1] for line in figure_table(figures).splitlines()] == [
        *("EVIDENCE", "reported", "observed", "verified", "platform", "-"),
    ]


def test_the_legend_tells_the_levels_that_were_shown_alone() -> None:
    assert legend({"verified"}) == "Evidence: verified = the platform ran it itself."
    assert legend(set()) == ""


@pytest.mark.parametrize(
    ("more", "grounds"),
    [
        ({}, ""),
        ({"effect": 0.42, "effect_measure": "cliffs_delta", "p_value": 0.0031, "samples": 77},
         " (Cliff's delta 0.42, p = 0.0031, n = 77)"),
        ({"effect": 4.2, "effect_measure": "mads", "p_value": 0.0001, "evidence": "observed"},
         " (4.2 MADs, p < 0.001, observed)"),
        ({"effect": 12, "effect_measure": "mb_per_hour"}, " (effect 12 MB/h)"),
    ],
)  # fmt: skip
def test_a_finding_is_a_sentence_with_what_it_rests_on(more: dict[str, object], grounds: str) -> None:
    finding = Finding.model_validate({"kind": "leak", "severity": Level.high, "text": "Memory grows."} | more)
    assert finding_line(finding) == f"- high: Memory grows.{grounds}"


def test_a_trend_has_a_gap_where_a_stretch_of_time_has_no_point() -> None:
    given = points(1, None, None, 8, step=timedelta(hours=1))
    assert trend(given, "hour") == "▁  █"
    assert trend(points(1, 4, None, 8, step=timedelta(minutes=10))) == "▁▄ █"
    assert trend([], "day") == ""

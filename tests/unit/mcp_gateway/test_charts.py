import pytest

from mcp_gateway.mcp.text.charts import bar, sparkline


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0, "░░░░░"), (0.001, "█░░░░"), (0.5, "██░░░"), (0.62, "███░░"), (0.999, "████░"), (1, "█████"), (7, "█████")],
)
def test_only_nothing_is_an_empty_bar_and_only_all_a_full_one(share: float, shown: str) -> None:
    assert bar(share, 5) == shown


def test_a_sparkline_goes_from_the_lowest_to_the_highest_with_gaps_where_nothing_is_known() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([-4, None, 4]) == "▁ █"
    assert sparkline([3, 3, 3]) == "▄▄▄"
    assert sparkline([None]) == sparkline([]) == ""


def test_a_long_series_is_shown_by_the_means_of_neighbours() -> None:
    assert sparkline([0, 0, 10, 10, None, 10, 10, 0], 4) == "▁██▅"
    assert len(sparkline([float(n) for n in range(10_000)])) == 48

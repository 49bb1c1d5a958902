import pytest

from mcp_gateway.mcp.text.layout import cell, counted, duration, filled, lines_below, more, number, printable, table


def test_columns_stand_below_each_other() -> None:
    assert table(("A", "LONG"), [("aaaa", "b"), ("a", "bbbbbbbb")]) == "A     LONG\naaaa  b\na     bbbbbbbb"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        *[(None, "-"), (0, "0 ms"), (2.5, "2.5 ms"), (999, "999 ms"), (12_340, "12.3 s"), (245_000, "4 min 05 s")],
        *[(7_380_000, "2 h 03 min"), (273_600_000, "3 d 04 h"), (-1_200, "-1.2 s")],
    ],
)
def test_durations_are_told_as_people_do(ms: float | None, text: str) -> None:
    assert duration(ms) == text


def test_numbers_lose_what_says_nothing() -> None:
    assert [number(value) for value in (65.0, 65.46, 0.0, 100.0)] == ["65", "65.5", "0", "100"]


def test_a_cell_is_one_short_line() -> None:
    assert cell("two\n  lines") == "two lines"
    assert len(cell("x" * 500)) == 60
    assert cell(None) == cell("") == cell(" \x1b[0m\n") == "-"


def test_terminal_codes_of_a_workers_output_do_not_reach_the_reader() -> None:
    assert printable("\x1b[31mred\x1b[0m\x07 \x00text\tand\nmore") == "red text\tand\nmore"
    assert lines_below("one\ntwo", "  ") == "one\n  two"


def test_the_next_page_is_told() -> None:
    assert more(None) == ""
    assert 'cursor "abc"' in more("abc")


def test_columns_of_wide_characters_and_accents_stand_below_each_other() -> None:
    lines = table(("NAME", "N", "REST"), [("日本", "1", "x"), ("e\u0301a", "12", "y")], right={"N"}).splitlines()
    assert lines == ["NAME   N  REST", "日本   1  x", "e\u0301a    12  y"]


def test_columns_in_which_no_row_has_anything_are_left_out() -> None:
    assert filled(("A", "B", "C"), [("1", "", "3"), ("2", "", "")]) == "A  C\n1  3\n2"


def test_counts_are_told_with_their_noun() -> None:
    assert [counted(count, "error") for count in (0, 1, 1_234)] == ["no errors", "1 error", "1,234 errors"]

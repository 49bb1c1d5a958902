from auditor.live_tests import LiveTests


def test_a_long_run_is_told_by_tenths() -> None:
    live = LiveTests()
    lines = [f"tests/a.py::test_{number} PASSED [{number:3d}%]" for number in range(1, 101)]
    moments = [moment for line in lines if (moment := live.feed(line))]
    assert [moment.percent for moment in moments] == list(range(10, 101, 10))
    assert (moments[-1].run, moments[-1].passed) == (100, 100)


def test_a_test_that_fails_is_told_at_once() -> None:
    live = LiveTests()
    assert live.feed("tests/a.py::test_1 PASSED [  1%]") is None
    moment = live.feed("tests/a.py::test_2 FAILED [  2%]")
    assert moment is not None
    assert (moment.broken, moment.run, moment.passed) == ("tests/a.py::test_2", 2, 1)


def test_a_thousand_failures_are_not_a_thousand_messages() -> None:
    live = LiveTests()
    moments = [live.feed(f"tests/a.py::test_{number} ERROR [  1%]") for number in range(1_000)]
    assert len([moment for moment in moments if moment]) == 20
